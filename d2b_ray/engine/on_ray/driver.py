"""The Ray engine: carries out what `control` decides, on the workers of a cluster.

The driver holds references and small reports, never an array. One unit at a time runs on a worker, and
behind a short one the next waits there already. A worker that dies is replaced, and `control` hears of it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import ray
from ray.util import metrics

from d2b_ray.engine.on_ray.joining import joined
from d2b_ray.engine.on_ray.meters import Meters
from d2b_ray.engine.on_ray.nodes import note_memory
from d2b_ray.engine.on_ray.pool import WorkerPool
from d2b_ray.engine.on_ray.reading_ahead import ReadingAhead
from d2b_ray.engine.on_ray.tries import (
    RunningUnit,
    ended_as_unfit,
    nobody_for,
    nobody_yet,
    outcome,
    shown_name,
)
from d2b_ray.schedule.events import EndWorker, Failed, Lost, Release, Succeeded
from d2b_ray.schedule.policy import Failure
from d2b_ray.steps.parts import part_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from d2b_ray.engine.on_ray.workers import WorkerSlot
    from d2b_ray.engine.sweep_run import SweepRun
    from d2b_ray.plan import Unit
    from d2b_ray.schedule.events import Action

__all__ = ["run_on_ray"]

log = logging.getLogger(__name__)
POLL_S = 1.0  # how often the display moves while nothing ends
FEW = 16  # references that are looked at one after another
SHORT_S = 0.2  # the mean of a kind of unit behind which another may wait
MOST_AHEAD = 64  # workers that are looked through for one that may have another
PATIENCE_S = 10.0  # for workers that start, while those that stand may not run what is left
NOTE_S = 60.0  # how often the log says how full memory is, and a person that workers are missing


def run_on_ray(
    sweep_run: SweepRun, *, num_cpus: int | None = None, num_gpus: int | None = None
) -> None:
    """Run every unit of `sweep_run` that is still wanted on the cluster that is joined.

    If none is, on one of this machine (with `num_cpus`, `num_gpus` logical resources if given) that
    ends with the call.
    """
    with joined(num_cpus, num_gpus, sweep_run.control.left(), sweep_run.message):
        pool = WorkerPool(sweep_run.settings, lambda: sweep_run.demand, sweep_run.message)
        gpus = sum(1 for slot in pool.slots if slot.shape.num_gpus)
        sweep_run.workers(len(pool.slots), gpus, asked=pool.growth.grows)
        try:
            _Loop(sweep_run, pool).run()
        finally:
            pool.close()


class _Loop:
    def __init__(self, sweep_run: SweepRun, pool: WorkerPool) -> None:
        self.sweep_run = sweep_run
        self.control = sweep_run.control
        self.pool = pool
        self.idle: dict[int, WorkerSlot] = {}
        self.running: dict[Any, RunningUnit] = {}  # by the report that will come
        self.behind: dict[int, Any] = {}  # by slot: of these, the one that waits behind another
        self.values: dict[str, list[Any]] = {}  # one reference, or one for each part of a fit
        self.reading = ReadingAhead(self.control)
        self.meters = Meters(metrics, sweep_run.sweep.name)
        self._noted, self._looked = time.monotonic(), 0.0
        self._last_worker = time.monotonic()

    def run(self) -> None:
        """Keep every worker busy until nothing is left."""
        while True:
            self._fill()
            if not self.running and self._nothing_left():
                break
            waited = [*self.running, *self.pool.starting, *self.reading.under_way]
            if not waited:  # only workers that will be tried again
                time.sleep(POLL_S)
                self._watch()
                continue
            ready, rest = ray.wait(waited, num_returns=1, timeout=POLL_S, fetch_local=False)
            if ready and len(rest) > FEW:  # all that is there: a look at many references is dear
                more, _ = ray.wait(rest, num_returns=len(rest), timeout=0, fetch_local=False)
                ready += more
            for reference in ready:
                if reference in self.running:
                    self._take(reference)
                elif reference in self.pool.starting:
                    if slot := self.pool.answered(reference):
                        self.idle[slot.number] = slot
                elif reference in self.reading.under_way:
                    slot, stands = self.reading.ended(reference)
                    (self._free if stands else self._replace)(slot)
            self._watch()

    def _nothing_left(self) -> bool:
        """Whether no unit will ever run again; lets units go back to where they timed out first."""
        if self.control.stopped or self.control.finished:
            return True
        waited_s = time.monotonic() - self._last_worker
        waits = self.pool.expects and (not self.idle or waited_s < PATIENCE_S)
        if waits or self.reading.under_way:
            return False
        self._fill(stalled=True)
        if self.running or self.pool.expects:
            return False
        self.control.stopped = Failure("worker_died", "NoWorker", nobody_for(self.control.left()))
        return True

    def _fill(self, *, stalled: bool = False) -> None:
        nothing_for: set[Any] = set()  # lanes of a host: what one worker finds, others need not ask
        for number, slot in list(self.idle.items()):
            if (slot.view.kinds, slot.view.host) in nothing_for:
                continue
            reads = self.reading.begin(slot, idle=False)
            again = stalled and not self.running
            key = None if reads else self.control.pick(slot.view, stalled=again)
            if reads or (key is None and self.reading.begin(slot, idle=True)):
                del self.idle[number]
            elif key is not None:
                del self.idle[number]
                self._send(slot, key, time.monotonic())
            elif not self.control.placement.workers_differ:
                nothing_for.add((slot.view.kinds, slot.view.host))
        for this in list(self.running.values())[:MOST_AHEAD]:
            if this.began is None or this.slot.number in self.behind or this.slot.left:
                continue
            unit, view = self.control.units[this.key], this.slot.view
            lane = (view.kinds, view.host)
            if lane in nothing_for or self.sweep_run.throughput.mean(unit.kind) > SHORT_S:
                continue
            key = self.control.pick(view.after(unit))
            if key is None:
                nothing_for.add(lane)
            else:
                self.behind[this.slot.number] = self._send(this.slot, key, None)

    def _send(self, slot: WorkerSlot, key: str, began: float | None) -> Any:
        slot.idle_since = None
        unit = self.control.units[key]
        tiles = self.sweep_run.readers[key].tiles if unit.kind == "fit" else ()
        task, name = self.sweep_run.task(key), shown_name(unit)
        *value_refs, report_ref = slot.send(task, self._inputs(unit), len(tiles), name)
        self.running[report_ref] = RunningUnit(slot, key, value_refs, began)
        self.sweep_run.started(key)
        return report_ref

    def _inputs(self, unit: Unit) -> Iterator[Any]:
        """References of what a unit reads: of a fit in parts the head, and the part of its own voxels."""
        for need in self.control.inputs(unit.key):
            head, *parts = self.values[need]
            yield head
            if parts and (own := part_of(unit, self.sweep_run.readers[need].tiles)) is not None:
                yield parts[own]

    def _take(self, reference: Any) -> None:
        this = self.running[reference]
        slot, key = this.slot, this.key
        report = outcome(reference, slot)
        if this.began is None and not (
            isinstance(report, Failure) and report.fault == "value_lost"
        ):
            # its worker has come to it, or is gone: what went before it tells
            self._take(next(r for r, t in self.running.items() if t.slot is slot and t.began))
        if self.running.pop(reference, None) is None:
            return  # it never began, and was put back
        if isinstance(report, Failure):
            self._broken(this, report)
            return
        unit = self.control.units[key]
        slot.view = slot.view.after(unit)
        if report.failure is None:
            if not unit.durable:
                self.values[key] = this.value_refs
                if report.value_bytes:
                    self.control.memory.learn(key, report.value_bytes)
            actions = self.control.handle(Succeeded(key, slot.number, slot.view.host))
        else:
            actions = self._failed(slot, key, report.failure)
        self._act(actions)
        self._free(slot)
        self._fill()  # the worker first, then the books
        self.meters.ended(unit.kind, report)
        self.sweep_run.ended(report, actions)

    def _failed(self, slot: WorkerSlot, key: str, failure: Failure) -> list[Action]:
        self.control.placement.crew = {s.number: s.view.host for s in self.pool.slots}
        return self.control.handle(Failed(key, failure, slot.view.host, slot.number))

    def _broken(self, this: RunningUnit, failure: Failure) -> None:
        key, slot = this.key, this.slot
        log.info("%s: %s (%s)", self.control.units[key].label, failure.fault, failure.error)
        inputs = self.control.inputs(key)
        actions = self._failed(slot, key, failure)
        if failure.fault == "value_lost":
            for need in inputs:
                self.values.pop(need, None)
            actions += self.control.handle(Lost(inputs))
            if this.began is None:  # it ended before its turn
                self.behind.pop(slot.number, None)
            else:
                self._free(slot)
        else:
            self._replace(slot)
        self._act(actions)
        self.meters.broke(self.control.units[key].kind, failure.fault)
        self.sweep_run.broke(key, failure, actions)

    def _free(self, slot: WorkerSlot) -> None:
        """A worker has ended its unit: the one that waits there begins, or it is idle, or given up."""
        if slot.unfit:
            self._replace(slot)
            return
        follows = self.behind.pop(slot.number, None)
        if follows is not None:
            self.running[follows].began = time.monotonic()
        elif slot.left:
            self.pool.fill(slot)
        else:
            self.idle[slot.number] = slot

    def _replace(self, slot: WorkerSlot) -> None:
        """Another process takes the place of a worker, and what waits there goes elsewhere."""
        follows = self.behind.pop(slot.number, None)
        if follows is not None:  # it never began
            self.control.put_back(self.running.pop(follows).key)
        self.idle.pop(slot.number, None)
        self.pool.fill(slot)

    def _watch(self) -> None:
        """What no report tells: units that hang, nodes that leave, workers that are missing."""
        now = time.monotonic()
        for reference, this in list(self.running.items()):
            if this.began is not None and now - this.began > self.sweep_run.timeout_s:
                del self.running[reference]
                message = f"took longer than resources.timeout_s = {self.sweep_run.timeout_s:g} s"
                self._broken(this, Failure("timeout", "Timeout", message))
        for slot in self.reading.overdue(self.sweep_run.timeout_s):
            self._replace(slot)
        for slot in self.pool.look():
            self.sweep_run.message(f"node {slot.node[:8]} will end: no more units for its workers")
            if self.idle.pop(slot.number, None):
                self.pool.fill(slot)
        self._scale()
        if self.running:
            self._last_worker = now
        if now - self._noted > NOTE_S:
            self._noted = now
            note_memory(self.control.memory.held_bytes, len(self.running), len(self.idle))
            if (waited_s := now - self._last_worker) > NOTE_S:
                self.sweep_run.message(nobody_yet(waited_s, self.pool.starting.values()))
        if now - self._looked > POLL_S or self.control.finished:
            self._looked = now
            self.control.memory.capacity_bytes = self.pool.object_stores()  # nodes join and leave
            self.meters.left(self.control)
            self.sweep_run.tick()

    def _scale(self) -> None:
        """Of a cluster that grows by itself: places are given back, and what never comes is given up."""
        for slot in self.pool.surplus(self.idle):
            del self.idle[slot.number]
        if self.pool.growth.given_up(self.pool.slots, self.pool.starting.values()):
            for slot in self.pool.slots:
                if not slot.gone and (slot.number in self.idle or not slot.node):
                    self.idle.pop(slot.number, None)
                    self.pool.give_back(slot)
            self.pool.starting.clear()
            self.pool.grow()

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Release):
                self.values.pop(action.key, None)
            elif isinstance(action, EndWorker):
                self._end(action)

    def _end(self, action: EndWorker) -> None:
        """A worker is at fault: end it now, or once the unit that it runs has ended."""
        slot = self.pool.slots[action.worker]
        if slot.view.host != action.host:
            return  # another has taken its place in the meantime
        slot.unfit = True
        self.sweep_run.message(ended_as_unfit(slot, action))
        if slot.number in self.idle:
            self._replace(slot)
