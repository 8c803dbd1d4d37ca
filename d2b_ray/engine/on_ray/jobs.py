"""Jobs of a cluster, by Ray's own job server: a sweep is handed over, followed, ended."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import ClientError
from ray.job_submission import JobStatus, JobSubmissionClient

from d2b_ray.engine.addresses import BASE_VARIABLE
from d2b_ray.engine.on_ray.reaching import NO_TOKEN, check_dashboard
from d2b_ray.engine.on_ray.upload import SPEC_NAME, write_upload
from d2b_ray.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from d2b_ray.spec import Sweep

__all__ = ["Jobs"]

# Jobs do not always find the Python that runs Ray there: its cluster may say which it is.
START = "${D2B_RAY_PYTHON:-python} -m d2b_ray.job"
OURS = "d2b_ray"  # in a job's metadata: the name of its sweep
LOOK_S = 0.5
STOP_S = 60.0
AGAIN = 5  # times that a broken connection to a log is made again


class Jobs:
    """The jobs of the cluster whose dashboard is at `address`; ClusterError if it is not there."""

    def __init__(self, address: str) -> None:
        self.url = check_dashboard(address)
        try:
            self._client = JobSubmissionClient(self.url)
        except Exception as error:
            raise _refused(self.url, error) from error

    def submit(self, sweep: Sweep, options: Sequence[str], base: str | None) -> str:
        """Hand over `d2b-ray run` of a sweep with `options`; returns the job's name.

        `base`: where relative paths start on the cluster. Code and spec are copied now.
        """
        name = f"{sweep.name}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
        with tempfile.TemporaryDirectory(prefix="d2b-") as folder:
            write_upload(sweep, Path(folder))
            try:
                return str(
                    self._client.submit_job(
                        entrypoint=" ".join([START, SPEC_NAME, *options]),
                        submission_id=name,
                        runtime_env={
                            "working_dir": folder,
                            "env_vars": {BASE_VARIABLE: base} if base else {},
                        },
                        metadata={OURS: sweep.name},
                    )
                )
            except Exception as error:
                raise _refused(self.url, error) from error

    def follow(self, job: str, write: Callable[[str], None]) -> int:
        """Pass on what a job prints until it ends; returns its exit status (130: it was stopped)."""
        told, left = 0, AGAIN
        while True:
            try:
                told = asyncio.run(self._tail(job, write, told))
                info = self._client.get_job_info(job)
            except (RuntimeError, OSError, ClientError) as error:
                left -= 1
                if left == 0:
                    raise ClusterError(
                        f"{self.url} is gone; {job} may go on: `d2b-ray status` of its sweep tells"
                    ) from error
                time.sleep(LOOK_S)
                continue
            if info.status.is_terminal():
                break
            time.sleep(LOOK_S)
        if info.status == JobStatus.STOPPED:
            return 130
        if info.status == JobStatus.SUCCEEDED:
            return 0
        if info.driver_exit_code is None:  # it never began
            write(f"{' '.join((info.message or '').split())}\n")
        return info.driver_exit_code or 1

    async def _tail(self, job: str, write: Callable[[str], None], told: int) -> int:
        """Writes what comes after the first `told` letters of a log; returns how many there are."""
        seen = 0
        async for piece in self._client.tail_job_logs(job):
            new = piece[max(0, told - seen) :]
            seen += len(piece)
            if new:
                write(new)
        return max(seen, told)

    def running(self) -> dict[str, str]:
        """Jobs of d2b_ray that have not ended, with the names of their sweeps."""
        return {
            job.submission_id: job.metadata[OURS]
            for job in self._client.list_jobs()
            if job.submission_id and OURS in (job.metadata or {}) and not job.status.is_terminal()
        }

    def stop(self, job: str) -> bool:
        """End a job, and wait until it has; False if it had ended already. ClusterError: no such job."""
        try:
            if not self._client.stop_job(job):
                return False
            until = time.monotonic() + STOP_S
            while not self._client.get_job_status(job).is_terminal():
                if time.monotonic() > until:
                    raise ClusterError(f"{self.url}: {job} has not ended in {STOP_S:g} s")
                time.sleep(LOOK_S)
        except RuntimeError as error:
            raise ClusterError(f"{self.url}: there is no job {job!r}") from error
        return True


def _refused(url: str, error: Exception) -> ClusterError:
    words = " ".join(str(error).split())[:300]
    if type(error).__name__ == "AuthenticationError":
        return ClusterError(f"{url} {NO_TOKEN}")
    return ClusterError(f"{url} does not take the job: {words or type(error).__name__}")
