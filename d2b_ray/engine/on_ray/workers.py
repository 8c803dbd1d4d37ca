"""Remote workers and the pool of them. Nothing is decided here: what runs where, `control` says.

A worker is a shell that holds `WorkerCache` and calls `work.execute`. A slot is a place for a worker:
it gets units once its worker has answered, loses its worker with the node, and is filled again
where there is room. The pool grows with the cluster.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import ray
from ray import exceptions

from d2b_ray.errors import D2BError, PlanError
from d2b_ray.schedule.events import WorkerView
from d2b_ray.schedule.lanes import shape_workers
from d2b_ray.steps.device import DEVICE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from d2b_ray.schedule.lanes import Demand, WorkerShape
    from d2b_ray.schedule.policy import Fault
    from d2b_ray.steps.run_settings import RunSettings

__all__ = ["Worker", "WorkerPool", "WorkerSlot", "fault_of"]

log = logging.getLogger(__name__)
LOOK_S = 2.0  # how often the nodes of the cluster are looked at
FALSE_STARTS = 5  # workers in a row that do not start, before it is taken for a defect


class Worker:
    """One process of the cluster that runs units one after another."""

    def __init__(self, settings: RunSettings) -> None:
        from d2b_ray.steps.worker_cache import WorkerCache

        # On a GPU node a worker without a GPU still sees all of them: only the assignment counts.
        assigned = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
        os.environ[DEVICE_VARIABLE] = "cuda" if assigned else "cpu"
        self._cache = WorkerCache(settings)

    def hello(self) -> tuple[str, str]:
        """Node number and host name, once the worker stands."""
        import socket

        return ray.get_runtime_context().get_node_id(), socket.gethostname()

    def run(self, task: Any, *values: Any) -> tuple[Any, Any]:
        """Run one unit; the value stays in the object store, the report goes to the driver."""
        from d2b_ray.steps.execute import execute

        return execute(task, values, self._cache)


@dataclass(slots=True)
class WorkerSlot:
    """A place for a worker: its shape, the live handle, what the worker holds, and its node."""

    number: int
    shape: WorkerShape
    handle: Any = None
    view: WorkerView = field(default_factory=lambda: WorkerView(frozenset()))
    node: str = ""
    left: bool = False  # its node has announced its end


class WorkerPool:
    """The slots of a run. `starting` maps the answer a worker will give to its slot."""

    def __init__(self, settings: RunSettings, demand: Demand) -> None:
        self._settings_ref = ray.put(settings)
        self._name = settings.sweep
        self._demand = demand
        self._looked = -LOOK_S
        self._false_starts = 0
        self._leaving: set[str] = set()
        self.slots: list[WorkerSlot] = []
        self.starting: dict[Any, WorkerSlot] = {}
        self.grow()
        if not self.slots:
            raise PlanError("the cluster has no node that is alive; start one, or wait for it")

    def grow(self) -> None:
        """Add a slot for every worker that the living nodes have room for and that is not there yet."""
        nodes = [n["Resources"] for n in _nodes() if n["NodeID"] not in self._leaving]
        if not nodes:
            return
        there = Counter(slot.shape.lane for slot in self.slots)
        for shape in shape_workers(nodes, self._demand):
            there[shape.lane] -= 1
            if there[shape.lane] < 0:
                slot = WorkerSlot(len(self.slots), shape)
                self.slots.append(slot)
                self.fill(slot)

    def fill(self, slot: WorkerSlot) -> None:
        """Start a worker for a slot; it counts once it has answered."""
        if slot.handle is not None:
            ray.kill(slot.handle)
        # Never restarted by Ray itself: `control` decides what becomes of its unit.
        slot.handle = (
            ray.remote(Worker)
            .options(
                num_cpus=slot.shape.num_cpus,
                num_gpus=slot.shape.num_gpus,
                max_restarts=0,
                max_task_retries=0,
            )
            .remote(self._settings_ref)
        )
        slot.node, slot.left = "", False
        slot.view = WorkerView(slot.shape.kinds)
        name = f"{self._name}: {slot.shape.lane} worker {slot.number}"
        self.starting[slot.handle.hello.options(name=name).remote()] = slot

    def answered(self, answer: Any) -> WorkerSlot | None:
        """The slot whose worker has answered; None if it died first and is started again."""
        slot = self.starting.pop(answer)
        try:
            slot.node, host = ray.get(answer)
        except exceptions.RayError as error:
            self._false_starts += 1
            log.info("worker %d did not start: %s", slot.number, str(error).splitlines()[0])
            if self._false_starts >= FALSE_STARTS:
                raise
            self.fill(slot)
            return None
        self._false_starts = 0
        slot.view = replace(slot.view, host=f"{host} {slot.node}")
        return slot

    def look(self) -> Iterator[WorkerSlot]:
        """Every two seconds: slots whose node has announced its end since; grows with the cluster."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        self._leaving |= set(_draining())
        for slot in self.slots:
            if slot.node in self._leaving and not slot.left:
                slot.left = True
                yield slot
        try:
            self.grow()
        except PlanError as error:  # nodes were lost; those that come back will do
            log.info("%s", error)

    def close(self) -> None:
        """End all workers."""
        for slot in self.slots:
            ray.kill(slot.handle)


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _draining() -> dict[str, int]:
    """Nodes that will end soon (a spot instance was reclaimed, `ray drain-node`), with deadlines."""
    from ray._private.state import state  # there is no public way to ask

    found: dict[str, int] = state.get_draining_nodes()
    return found


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
