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
from d2b_ray.schedule.lanes import shape_workers, short_of_memory
from d2b_ray.steps.device import DEVICE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from d2b_ray.schedule.lanes import Demand, WorkerShape
    from d2b_ray.schedule.policy import Fault
    from d2b_ray.steps.run_settings import RunSettings

__all__ = ["Worker", "WorkerPool", "WorkerSlot", "fault_of"]

log = logging.getLogger(__name__)
LOOK_S = 2.0  # how often the nodes of the cluster are looked at
FALSE_STARTS = 5  # workers that do not start while none ever has, before it is taken for a defect
MOST_FALSE_STARTS = 50  # the same in a row, of a cluster where some have
LONGEST_PAUSE_S = 60.0  # between two tries of one slot, each twice as long as the last


@dataclass(frozen=True, slots=True)
class Hello:
    """A worker's answer: its node and host, and why it must not run units of this sweep ("": it may)."""

    node: str
    host: str
    unfit: str = ""


class Worker:
    """One process of the cluster that runs units one after another."""

    def __init__(self, settings: RunSettings) -> None:
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
    unfit: bool = False  # it failed units that others can do
    false_starts: int = 0  # in a row


class WorkerPool:
    """The slots of a run. `starting` maps the answer a worker will give to its slot.

    `say` is told what a person should read.
    """

    def __init__(
        self, settings: RunSettings, demand: Demand, say: Callable[[str], None] = log.info
    ) -> None:
        self._say = say
        self._settings_ref = ray.put(settings)
        self._name = settings.sweep
        self._demand = demand
        self._looked = -LOOK_S
        self._false_starts = 0
        self._any_stands = False
        self._paused: list[tuple[float, WorkerSlot]] = []  # when to try again
        self._leaving: set[str] = set()
        self._told: set[str] = set()  # nodes of which a person knows that they must not be used
        self._refused: set[int] = set()  # numbers of slots whose workers must not be used
        self.slots: list[WorkerSlot] = []
        self.starting: dict[Any, WorkerSlot] = {}
        if short := short_of_memory(_resources(), demand):
            say(short)
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

    def _memory(self, shape: WorkerShape) -> int | None:
        """Bytes that Ray keeps for a worker: what it may take, no more than the largest node has."""
        most = max((node.get("memory", 0.0) for node in _resources()), default=0.0)
        return int(min(shape.own_bytes, most)) or None

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
                memory=self._memory(slot.shape),
                max_restarts=0,
                max_task_retries=0,
            )
            .remote(self._settings_ref)
        )
        slot.node, slot.left, slot.unfit = "", False, False
        slot.view = WorkerView(slot.shape.kinds, number=slot.number, spare=slot.shape.spare)
        name = f"{self._name}: {slot.shape.lane} worker {slot.number}"
        self.starting[slot.handle.hello.options(name=name).remote()] = slot

    @property
    def expects(self) -> bool:
        """Whether workers are starting, or will be tried again."""
        return bool(self.starting or self._paused)

    def answered(self, answer: Any) -> WorkerSlot | None:
        """The slot whose worker has answered; None if it died first, or must not be used.

        A worker of a node that does not see what it must keeps its place there, idle: else the next
        would be started there again. PlanError if that is so for all workers of its lane.
        """
        slot = self.starting.pop(answer)
        try:
            hello = ray.get(answer)
        except exceptions.RayError as error:
            self._false_start(slot, error)
            return None
        slot.node, slot.false_starts = hello.node, 0
        slot.view = replace(slot.view, host=f"{hello.host} {hello.node}")
        self._refused.discard(slot.number)
        if hello.unfit:
            self._refused.add(slot.number)
            lane = slot.shape.lane
            if hello.node not in self._told:
                self._told.add(hello.node)
                what = "units" if lane == "cpu" else "units for GPUs"
                self._say(f"node {hello.node[:8]} ({hello.host}) gets no {what}: it {hello.unfit}")
            if self._refused >= {other.number for other in self.slots if other.shape.lane == lane}:
                raise PlanError(f"no {lane} worker may run units: {hello.host} {hello.unfit}")
            return None
        self._false_starts, self._any_stands = 0, True
        return slot

    def _false_start(self, slot: WorkerSlot, error: Exception) -> None:
        """Try again, later and later; raises once it is plain that it will never be."""
        why = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        self._false_starts += 1
        log.info("worker %d did not start: %s", slot.number, error)
        if self._false_starts >= (MOST_FALSE_STARTS if self._any_stands else FALSE_STARTS):
            raise error
        pause = 0.0 if slot.false_starts == 0 else min(LONGEST_PAUSE_S, 2.0**slot.false_starts)
        slot.false_starts += 1
        if pause == 0:
            self.fill(slot)
            return
        if slot.false_starts == 2:
            self._say(f"{slot.shape.lane} worker {slot.number} does not start ({why}); trying on")
        self._paused.append((time.monotonic() + pause, slot))

    def look(self) -> Iterator[WorkerSlot]:
        """Every two seconds: slots whose node has announced its end since; grows with the cluster."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        self._leaving |= set(_draining())
        due = [slot for when, slot in self._paused if when <= self._looked]
        self._paused = [(when, slot) for when, slot in self._paused if when > self._looked]
        for slot in due:
            self.fill(slot)
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
    return [node for node in ray.nodes() if node["Alive"]]


def _resources() -> list[dict[str, float]]:
    return [node["Resources"] for node in _nodes()]


def _draining() -> dict[str, int]:
    """Nodes that will end soon (a spot instance was reclaimed, `ray drain-node`), with deadlines."""
    try:
        from ray._private.state import state  # there is no public way to ask

        found: dict[str, int] = state.get_draining_nodes()
    except (
        ImportError,
        AttributeError,
    ) as error:  # another version: units of such nodes are done again
        log.info("Ray %s does not tell which nodes will end: %s", ray.__version__, error)
        return {}
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
