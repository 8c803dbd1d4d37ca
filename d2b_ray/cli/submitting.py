"""The verbs `submit` and `stop`: a sweep as a job of a cluster, and its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from d2b_ray.engine.addresses import address_of, relative_paths
from d2b_ray.engine.code import plug_ins
from d2b_ray.engine.on_ray.environment import set_ray_environment
from d2b_ray.errors import ClusterError, SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.spec import Sweep

__all__ = ["stop_job", "submit_and_follow"]


def submit_and_follow(
    sweep: Sweep, address: str, *, base: str | None, options: Sequence[str], detach: bool
) -> int:
    """Hand the sweep over and print what the job prints; returns its exit status."""
    if base is not None and not base.startswith(("/", "~")):
        raise SpecError(f"--base {base}: give an absolute folder, one that every node sees")
    if base is None:
        for key, path in relative_paths(sweep).items():
            raise SpecError(
                f"{key}: {path!r} is relative, and a job runs in a folder of its own; write an absolute "
                "path that every node sees, or an s3:// URL, or say with --base FOLDER where it starts there"
            )
    for path in (sweep.dataset.root, sweep.output.root, sweep.output.features or ""):
        if "://" in path:
            address_of(path)  # a key in it is refused before it is sent
    set_ray_environment(address)
    from d2b_ray.engine.on_ray.jobs import Jobs

    jobs = Jobs(address)
    for what, origin in plug_ins(sweep).items():
        typer.echo(f"{what} is of {origin.package}, which must be installed on the cluster too")
    job = jobs.submit(sweep, options, base)
    ends = f"`d2b-ray stop {job} --address {address}` ends it"
    if detach:
        typer.echo(f"Submitted {job}; {ends}, `d2b-ray status {sweep.output.root}` looks at it.")
        return 0
    typer.echo(f"Submitted {job}; Ctrl-C leaves it alone, {ends}.")
    try:
        return jobs.follow(job, _write)
    except KeyboardInterrupt:
        typer.echo(f"\nThe job goes on; {ends}.")
        return 130


def stop_job(job: str | None, address: str) -> int:
    """End a job by its name, or the only one there is."""
    set_ray_environment(address)
    from d2b_ray.engine.on_ray.jobs import Jobs

    jobs = Jobs(address)
    if job is None:
        running = jobs.running()
        if len(running) != 1:
            listed = ", ".join(sorted(running)) or "none"
            raise ClusterError(f"{jobs.url}: name the job to stop; of d2b-ray there run: {listed}")
        (job,) = running
    if not jobs.stop(job):
        typer.echo(f"{job} had ended already.")
        return 0
    typer.echo(
        f"Stopped {job}. What is finished is kept: the same `d2b-ray submit` goes on from here."
    )
    return 0


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
