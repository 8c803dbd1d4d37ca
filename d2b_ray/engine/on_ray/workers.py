"""A remote worker, its place in the pool, and what becomes of its errors. Nothing is decided here.

A worker is a shell that holds `WorkerCache` and calls `steps.execute`. A slot is a place for a worker:
it gets units once its worker has answered, loses its worker with the node, and is filled again
where there is room.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray
from ray import exceptions

from d2b_ray.errors import D2BError
from d2b_ray.schedule.events import WorkerView
from d2b_ray.steps.device import DEVICE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from d2b_ray.schedule.lanes import WorkerShape
    from d2b_ray.schedule.policy import Fault
    from d2b_ray.steps.run_settings import RunSettings
    from d2b_ray.steps.task import Task

__all__ = ["Hello", "Worker", "WorkerSlot", "fault_of"]


@dataclass(frozen=True, slots=True)
class Hello:
    """A worker's answer: its node and host, and why it must not run units of this sweep ("": it may)."""

    node: str
    host: str
    unfit: str = ""


class Worker:
    """One process of the cluster that runs units one after another."""

    def __init__(self, settings: RunSettings) -> None:
        from d2b_ray.garbage import collect_seldom

        collect_seldom()
        from d2b_ray.steps.worker_cache import WorkerCache

        # On a GPU node a worker without a GPU still sees all of them: only the assignment counts.
        assigned = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
        os.environ[DEVICE_VARIABLE] = "cuda" if assigned else "cpu"
        self._cache = WorkerCache(settings)

    def hello(self) -> Hello:
        """Where the worker is and what it is, once it stands."""
        import socket

        from d2b_ray.engine.code import code_digest
        from d2b_ray.steps.sight import unseen

        node = ray.get_runtime_context().get_node_id()
        settings = self._cache.settings
        why = unseen(settings)
        if not why and settings.code not in ("", code_digest()):
            why = (
                f"runs other code (digest {code_digest()[:12]}, the driver {settings.code[:12]}): install "
                "the same d2b_ray on all nodes"
            )
        return Hello(node, socket.gethostname(), why)

    def run(self, task: Task, *values: Any) -> tuple[Any, Any]:
        """Run one unit; the value stays in the object store, the report goes to the driver."""
        from d2b_ray.steps.execute import execute

        return execute(task, values, self._cache)

    def read_ahead(self, subject: str) -> None:
        """Read the responses of a subject into a file of this machine, for the workers that fit."""
        self._cache.read_ahead(subject)

    def run_apart(self, task: Task, *values: Any) -> Iterator[Any]:
        """The same of a fit whose series are handed on in tiles: head, parts, and the report.

        One after another, so that a part is stored before the next is made.
        """
        from d2b_ray.steps.parts import apart

        value, report = self.run(task, *values)
        assert task.readers is not None
        tiles = task.readers.tiles
        yield from [None] * (1 + len(tiles)) if value is None else apart(value, tiles)
        yield report


@dataclass(slots=True)
class WorkerSlot:
    """A place for a worker: its shape, the live handle, what the worker holds, and its node."""

    number: int
    shape: WorkerShape
    handle: Any = None
    view: WorkerView = field(default_factory=lambda: WorkerView(frozenset()))
    node: str = ""
    left: bool = False  # its node has announced its end
    unfit: bool = False  # it failed units that others can do
    false_starts: int = 0  # in a row
    gone: bool = False  # its place was given back
    idle_since: float | None = None

    def send(self, task: Task, inputs: Iterable[Any], parts: int, name: str) -> list[Any]:
        """Give the worker a unit; references of its value, in `parts` beside a head if there are any, and of
        its report, which comes last."""
        method = self.handle.run_apart if parts else self.handle.run
        sent: list[Any] = method.options(num_returns=2 + parts, name=name).remote(task, *inputs)
        return sent


def fault_of(error: BaseException) -> Fault:
    """The row of the policy table for what Ray reports of a try that sent no report."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, exceptions.ObjectLostError):
            return "value_lost"
        if isinstance(seen, exceptions.OutOfMemoryError):
            return "out_of_memory"
        if isinstance(seen, D2BError):
            return "error"
        seen = getattr(seen, "cause", None) or seen.__cause__
    if isinstance(error, exceptions.RayTaskError):
        return "error"
    return "worker_died"
