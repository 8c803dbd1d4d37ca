"""The pool of workers: a slot for each that the cluster has room for. It grows with the cluster.

Of a cluster that grows by itself it asks for workers that have no place yet, and gives places back
for which nothing is left. What runs where, `control` says.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ray
from ray import exceptions

from d2b_ray.engine.on_ray.growth import Growth
from d2b_ray.engine.on_ray.nodes import draining, living, resources
from d2b_ray.engine.on_ray.workers import Worker, WorkerSlot
from d2b_ray.errors import PlanError
from d2b_ray.schedule.events import WorkerView
from d2b_ray.schedule.lanes import CPU_KINDS, lane_shapes, shape_workers, short_of_memory
from d2b_ray.schedule.scaling import dispensable, more_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from d2b_ray.schedule.lanes import Demand, WorkerShape
    from d2b_ray.steps.run_settings import RunSettings

__all__ = ["WorkerPool"]

log = logging.getLogger(__name__)
LOOK_S = 2.0  # how often the nodes of the cluster are looked at
FALSE_STARTS = 5  # workers that do not start while none ever has, before it is taken for a defect
MOST_FALSE_STARTS = 50  # the same in a row, of a cluster where some have
LONGEST_PAUSE_S = 60.0  # between two tries of one slot, each twice as long as the last
IDLE_S = 5.0  # after which a worker that nothing is left for gives its place back


class WorkerPool:
    """The slots of a run. `starting` maps the answer a worker will give to its slot.

    `say` is told what a person should read.
    """

    def __init__(
        self,
        settings: RunSettings,
        demand: Callable[[], Demand],
        say: Callable[[str], None] = log.info,
    ) -> None:
        self._say = say
        self._settings_ref = ray.put(settings)
        self._name = settings.sweep
        self._looked = -LOOK_S
        self._false_starts = 0
        self._any_stands = False
        self._paused: list[tuple[float, WorkerSlot]] = []  # when to try again
        self._leaving: set[str] = set()
        self._told: set[str] = set()  # nodes of which a person knows that they must not be used
        self._refused: set[int] = set()  # numbers of slots whose workers must not be used
        self.slots: list[WorkerSlot] = []
        self.starting: dict[Any, WorkerSlot] = {}
        self.growth = Growth(demand, say)
        if not self.growth.grows and (short := short_of_memory(resources(), demand())):
            say(short)
        self.grow()
        if not self.slots:
            raise PlanError("the cluster has no node that is alive; start one, or wait for it")

    def _of_lanes(self) -> Counter[str]:
        return Counter(slot.shape.lane for slot in self.slots if not slot.gone)

    def grow(self) -> None:
        """Add a slot for every worker that the living nodes have room for and that is not there yet.

        Of a cluster that grows by itself more is asked: workers that wait for a place.
        """
        nodes = [n["Resources"] for n in living() if n["NodeID"] not in self._leaving]
        if not nodes:
            return
        demand, there = self.growth.demand, self._of_lanes()
        for shape in shape_workers(nodes, demand, may_grow=self.growth.grows):
            there[shape.lane] -= 1
            if there[shape.lane] < 0:
                self._add(shape)
        if not self.growth.grows:
            return
        stand = Counter(slot.shape.lane for slot in self.slots if slot.node and not slot.gone)
        lanes = lane_shapes(demand, demand.gpus or 0.0)
        for shape in list(more_workers(lanes, demand, self._of_lanes(), stand)):
            self._add(shape)

    def _add(self, shape: WorkerShape) -> None:
        slot = next((slot for slot in self.slots if slot.gone), None)
        if slot is None:
            slot = WorkerSlot(len(self.slots), shape)
            self.slots.append(slot)
        slot.shape, slot.gone, slot.idle_since = shape, False, None
        self.fill(slot)

    def give_back(self, slot: WorkerSlot) -> None:
        """End the worker of a slot; its node may go."""
        ray.kill(slot.handle)
        slot.handle, slot.node, slot.gone = None, "", True

    def surplus(self, idle: Mapping[int, WorkerSlot]) -> list[WorkerSlot]:
        """Gives back the places of workers for which nothing is left, in a cluster that shrinks: these.

        Those that wait for a place ask no more; idle ones go after a while.
        """
        if not self.growth.grows:
            return []
        now, demand, there = time.monotonic(), self.growth.demand, self._of_lanes()
        ended = []
        for answer, slot in list(self.starting.items()):
            if not slot.node and dispensable(slot.shape, demand, there):
                del self.starting[answer]
                there[slot.shape.lane] -= 1
                self.give_back(slot)
        for slot in idle.values():
            slot.idle_since = slot.idle_since or now
            if now - slot.idle_since > IDLE_S and dispensable(slot.shape, demand, there):
                there[slot.shape.lane] -= 1
                ended.append(slot)
                self.give_back(slot)
        return ended

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
                memory=self.growth.memory(slot.shape),
                max_restarts=0,
                max_task_retries=0,
            )
            .remote(self._settings_ref)
        )
        slot.node, slot.left, slot.unfit, slot.idle_since = "", False, False, None
        slot.view = WorkerView(slot.shape.kinds, number=slot.number, spare=slot.shape.spare)
        name = f"{self._name}: {slot.shape.lane} worker {slot.number}"
        self.starting[slot.handle.hello.options(name=name).remote()] = slot

    def object_stores(self) -> dict[str, float]:
        """Bytes of the object store of each host where a worker stands."""
        room = {n["NodeID"]: n["Resources"].get("object_store_memory", 0.0) for n in living()}
        return {slot.view.host: room[slot.node] for slot in self.slots if slot.node in room}

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
        self._balance()
        return slot

    def _balance(self) -> None:
        """While a cluster that grows has no CPU worker, its GPU workers run everything."""
        if not self.growth.grows:
            return
        standing = [slot for slot in self.slots if slot.node and not slot.gone]
        alone = not any(slot.shape.kinds >= CPU_KINDS for slot in standing)
        for slot in standing:
            kinds = slot.shape.kinds | (slot.shape.spare if alone else frozenset())
            slot.view = replace(slot.view, kinds=kinds)

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
        self._leaving |= set(draining())
        due = [slot for when, slot in self._paused if when <= self._looked and not slot.gone]
        self._paused = [(when, slot) for when, slot in self._paused if when > self._looked]
        for slot in due:
            self.fill(slot)
        for slot in self.slots:
            if slot.node and slot.node in self._leaving and not slot.left:
                slot.left = True
                yield slot
        try:
            self.grow()
        except PlanError as error:  # nodes were lost; those that come back will do
            log.info("%s", error)

    def close(self) -> None:
        """End all workers."""
        for slot in self.slots:
            if slot.handle is not None:
                ray.kill(slot.handle)
