"""The cluster of a run: one that is there, or one of this machine that ends with the run."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import ray

from d2b_ray.allotment import resources
from d2b_ray.engine.on_ray.reaching import check_cluster, given_address
from d2b_ray.engine.on_ray.starting.forking import LONGEST_FOLDER, forking
from d2b_ray.engine.on_ray.starting.lean_start import lean_start
from d2b_ray.errors import ClusterError
from d2b_ray.steps.device import LOGICAL_GPUS, sees_gpu
from d2b_ray.steps.imports import imports_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["joined", "reached"]

QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}


@contextmanager
def reached(address: str | None) -> Iterator[None]:
    """Within it, Ray is connected to the cluster that was asked for, if one was.

    Raises ClusterError within seconds where it is not there, or does not fit.
    """
    given = given_address(address)
    if given is None or ray.is_initialized():
        yield
        return
    check_cluster(*given)
    try:
        ray.init(address=given[0], **QUIET)
    except Exception as error:
        ray.shutdown()
        raise ClusterError(f"{given[1]} {given[0]}: {_told(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def joined(
    num_cpus: int | None, num_gpus: int | None, kinds: Iterable[str], say: Callable[[str], None]
) -> Iterator[None]:
    """Within it, Ray is connected: as it is already, else to a cluster of this machine, made for it.

    Never to one that Ray finds by chance. `num_cpus`, `num_gpus` are logical resources of the cluster of
    this machine, by default what this process may use; `kinds` are of the units that its workers are to run;
    `say` tells a person. ClusterError where Ray does not start.
    """
    if ray.is_initialized():  # reached, or a caller's own: used as it is and left running
        yield
        return
    if num_gpus and not sees_gpu():
        os.environ[LOGICAL_GPUS] = "1"  # as the caller says, who knows this machine
        say("torch sees no GPU here: units of GPU workers take the CPU")
    with ExitStack() as ends:
        where: dict[str, Any] = {}
        folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or ""
        if len(folder) > LONGEST_FOLDER:  # as Slurm's are
            short = TemporaryDirectory(prefix="d2b-", dir="/tmp", ignore_cleanup_errors=True)
            where["_temp_dir"] = ends.enter_context(short)
        here: dict[str, Any] = {"num_gpus": num_gpus, "include_dashboard": False}
        share = resources()
        if "memory" in share:
            here["_memory"] = share["memory"]
            here["object_store_memory"] = share["object_store_memory"]
        here["num_cpus"] = share["num_cpus"] if num_cpus is None else num_cpus
        try:
            forks = ends.enter_context(forking(imports_of(kinds)))
            ends.callback(ray.shutdown)
            with lean_start(forks):
                ray.init("local", **here, **where, **QUIET)
        except Exception as error:
            raise ClusterError(
                f"Ray does not start on this machine ({_words(error)}); `ulimit -a` tells what is limited "
                "here, and --engine inline does without Ray"
            ) from error
        yield


def _told(error: Exception) -> str:
    """One line of what Ray says at length."""
    words = _words(error)
    if "ersion mismatch" in words:
        return f"the cluster does not fit this environment: {words[:300]}"
    return f"the cluster cannot be joined ({type(error).__name__}: {words[:200]})"


def _words(error: Exception) -> str:
    return " ".join(str(error).split())
