"""The state machine of a sweep: events in, decisions out. Pure: no clock, no disk, no ray, no arrays.

A unit is *waiting* for its needs, then *ready*, *running*, and ends *done*, *failed* or *skipped*
(because something it needs failed). Durable units (extract, commit, gather) leave a record and are
done for good. The others leave a value that lives until its last consumer has ended; a lost value
sends its unit back to *waiting*. The engine asks `pick` what to run, tells `handle` what happened,
and carries out the actions that come back.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from d2b_ray.schedule.events import (
    Action,
    Event,
    Failed,
    GiveUp,
    Lost,
    Release,
    Skip,
    Stop,
    WorkerView,
)
from d2b_ray.schedule.history import State, first_states
from d2b_ray.schedule.memory import MemoryLedger
from d2b_ray.schedule.placement import Placement
from d2b_ray.schedule.policy import POLICY, Failure, Tries
from d2b_ray.schedule.ready import ReadyUnits, order_for

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from d2b_ray.plan import Unit

__all__ = ["Control", "State"]

BEFORE = frozenset({"waiting", "ready"})
UNFINISHED = BEFORE | {"running"}


class Control:
    """Decides which unit runs next and what a failure means. One instance per sweep.

    `units` in topological order; `done` keys of durable units whose records stand; `failed` keys of those
    that failed earlier and are not to be tried again; `value_bytes` of units, and `capacity_bytes` of hosts,
    are those of `MemoryLedger`; `long` fits, and what they need, are begun before others.
    """

    def __init__(
        self,
        units: Iterable[Unit],
        *,
        done: Collection[str] = (),
        failed: Collection[str] = (),
        value_bytes: Mapping[str, int] | None = None,
        capacity_bytes: float | Mapping[str, float] = math.inf,
        long: Collection[str] = (),
    ) -> None:
        self.units: dict[str, Unit] = {unit.key: unit for unit in units}
        self.memory, self.placement = MemoryLedger(value_bytes or {}, capacity_bytes), Placement()
        self.stopped: Failure | None = None
        self.state: dict[str, State] = {}
        self._consumers: dict[str, list[str]] = defaultdict(list)
        self.tries = Tries()
        self._order = {key: i for i, key in enumerate(self.units)}
        self._ready, self._long = ReadyUnits(), frozenset(long)
        self._values: set[str] = set()
        self._open: Counter[str] = Counter()  # unfinished consumers of a key
        self._counts: Counter[tuple[str, State]] = Counter()
        self._unfinished: Counter[str] = Counter()  # by work_kind
        self._fits: Counter[str] = Counter()  # by subject, that have not begun
        self._begin(first_states(self.units, frozenset(done), frozenset(failed)))

    @property
    def finished(self) -> bool:
        """Nothing is ready, running or waiting."""
        return not any(self._unfinished.values())

    def pending(self, state: State) -> int:
        """Number of units in a state."""
        return sum(n for (_, s), n in self._counts.items() if s == state)

    def counts(self) -> Mapping[tuple[str, State], int]:
        """Units by (kind, state); zero counts may be present."""
        return self._counts

    def running(self) -> list[str]:
        """Keys of the units that run now."""
        return [key for key, state in self.state.items() if state == "running"]

    def left(self) -> Mapping[str, int]:
        """Units that have not ended, by what is done for them (`work_kind`)."""
        return {kind: n for kind, n in self._unfinished.items() if n}

    def inputs(self, key: str) -> tuple[str, ...]:
        """The needs of a unit that are values in memory, in the order of `needs`."""
        return tuple(n for n in self.units[key].needs if not self.units[n].durable)

    def pick(self, worker: WorkerView, *, stalled: bool = False) -> str | None:
        """The unit that this free worker should run now, marked as running; None when there is none.

        Order: nearest to a result first, then what the worker or its host holds, then plan order. `stalled`:
        nothing runs and nobody found a unit: a worker may take what is not of its lane, or failed there.
        """
        if self.stopped:
            return None
        if not stalled and self.placement.idles(worker):
            return None
        self.placement.reading.sees(worker)
        kinds = worker.kinds
        if worker.spare and (stalled or not any(self._unfinished[kind] for kind in kinds)):
            kinds = kinds | worker.spare
        for work_kind, only_home in order_for(worker, kinds):
            unit = self._ready.pop(
                work_kind,
                is_ready=lambda key: self.state[key] == "ready",
                may_run=lambda unit: self._may_run(unit, worker, stalled=stalled),
                distance=lambda unit: self.placement.distance(unit, worker, stalled=stalled),
                only_home=only_home,
            )  # fmt: skip
            if unit is not None:
                self._move(unit.key, "running")
                self.memory.take(unit, self._factorizations_of(unit), worker.host)
                self.tries.start(unit.key)
                self.placement.reading.begins(unit, worker)
                return unit.key
        return None

    def to_read(self, worker: WorkerView, *, idle: bool) -> str | None:
        """The subject that a worker should read for those of its host that fit; None: none.

        Asked before `pick`, and again, by an `idle` worker, if there is no unit for it.
        """
        if self.stopped:
            return None
        return self.placement.reading.next_for(worker, self._fits, idle=idle)

    def put_back(self, key: str) -> None:
        """A unit that was picked, and has not begun: as if it had not been."""
        self.tries.forget(key)
        self._move(key, "waiting")
        self._promote(key)

    def handle(self, event: Event) -> list[Action]:
        """Take in what happened; returns what the engine must do now."""
        if isinstance(event, Lost):
            return self._lost(event.keys)
        if isinstance(event, Failed):
            return self._failed(event)
        ended = self.placement.succeeded(event, self.units[event.key])
        self.memory.settle(event.key, event.host)
        return [*self._succeeded(event.key), *ended]

    def _begin(self, states: Mapping[str, State]) -> None:
        for key, unit in self.units.items():
            self.state[key] = "waiting"
            self._counts[unit.kind, "waiting"] += 1
            self._unfinished[unit.work_kind] += 1
            self._fits[unit.subject or ""] += unit.kind == "fit"
        for key, state in states.items():
            if state != "waiting":
                self._move(key, state)
                continue
            for need in self.units[key].needs:
                self._consumers[need].append(key)
                self._open[need] += 1
        for key in self.units:
            self._promote(key)

    def _move(self, key: str, state: State) -> None:
        unit, before = self.units[key], self.state[key]
        self._counts[unit.kind, before] -= 1
        self._counts[unit.kind, state] += 1
        self._unfinished[unit.work_kind] += (state in UNFINISHED) - (before in UNFINISHED)
        if unit.kind == "fit":
            self._fits[unit.subject or ""] += (state in BEFORE) - (before in BEFORE)
        self.state[key] = state
        if state in ("failed", "skipped", "unneeded"):
            self.memory.free(key)

    def _promote(self, key: str) -> None:
        unit = self.units[key]
        if self.state[key] != "waiting":
            return
        settled = ("done", "failed", "skipped") if unit.kind == "gather" else ("done",)
        if all(self.state[n] in settled for n in unit.needs):
            self._move(key, "ready")
            holder = self.placement.holder(unit)
            self._ready.push(self._order[key], unit, holder, long=key in self._long)

    def _may_run(self, unit: Unit, worker: WorkerView, *, stalled: bool) -> bool:
        barred = not stalled and self.placement.bars(unit.key, worker)
        return not barred and self.memory.has(unit, self._factorizations_of(unit), worker.host)

    def _factorizations_of(self, unit: Unit) -> tuple[str, ...]:
        """Values that will soon lie beside that of a unit: the factorizations of a design."""
        if unit.kind != "design":
            return ()
        return tuple(c for c in self._consumers[unit.key] if self.units[c].kind == "factorize")

    def _succeeded(self, key: str) -> list[Action]:
        unit = self.units[key]
        self._move(key, "done")
        actions: list[Action] = []
        if not unit.durable:
            self._values.add(key)
            if self._open[key] == 0:
                actions.extend(self._release(key))
        actions.extend(self._end(key))
        for consumer in self._consumers[key]:
            self._promote(consumer)
        return actions

    def _release(self, key: str) -> list[Action]:
        if key not in self._values:
            return []
        self._forget(key)
        return [Release(key)]

    def _forget(self, key: str) -> None:  # released, or lost
        self._values.discard(key)
        self.memory.free(key)
        self.placement.released(key)

    def _end(self, key: str) -> list[Action]:
        """A consumer has ended: values that nobody else waits for are released."""
        actions: list[Action] = []
        for need in self.units[key].needs:
            self._open[need] -= 1
            if self._open[need] == 0:
                actions.extend(self._release(need))
        return actions

    def _failed(self, event: Failed) -> list[Action]:
        key, failure = event.key, event.failure
        rule = POLICY[failure.fault]
        again = self.tries.again(key, failure.fault) and self.placement.is_open(event)
        actions: list[Action] = [*self.placement.failed(event)]
        if again or rule.stops:
            if rule.elsewhere:
                self.placement.exclude(event)
            self._move(key, "waiting")
            self._promote(key)
            if again or self.stopped:
                return actions
            self.stopped = failure
            return [*actions, Stop(key, failure)]
        self._move(key, "failed")
        actions.append(GiveUp(key, failure, self.tries.started(key)))
        actions.extend(self._end(key))
        skipped = self._skip_consumers(key, actions)
        if skipped:
            actions.append(Skip(tuple(skipped), key))
        for consumer in self._consumers[key]:
            self._promote(consumer)
        return actions

    def _skip_consumers(self, key: str, actions: list[Action]) -> list[str]:
        skipped: list[str] = []
        stack = list(self._consumers[key])
        while stack:
            consumer = stack.pop()
            unit = self.units[consumer]
            if unit.kind == "gather" or self.state[consumer] not in ("waiting", "ready"):
                continue
            self._move(consumer, "skipped")
            skipped.append(consumer)
            actions.extend(self._end(consumer))
            stack.extend(self._consumers[consumer])
        for gone in skipped:
            for consumer in self._consumers[gone]:
                self._promote(consumer)
        return sorted(skipped, key=self._order.__getitem__)

    def _lost(self, keys: tuple[str, ...]) -> list[Action]:
        """Make lost values again: their units, and the needs of those that are gone too, wait anew."""
        stack = [k for k in keys if self.state[k] == "done" and not self.units[k].durable]
        while stack:
            key = stack.pop()
            if self.state[key] != "done":
                continue
            self._forget(key)
            self._move(key, "waiting")
            for need in self.units[key].needs:
                self._open[need] += 1
                if not self.units[need].durable and need not in self._values:
                    stack.append(need)
            for consumer in self._consumers[key]:
                if self.state[consumer] == "ready":
                    self._move(consumer, "waiting")
        for key in self.units:
            self._promote(key)
        return []
