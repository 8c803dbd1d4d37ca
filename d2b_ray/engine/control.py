"""The state machine of a sweep: events in, decisions out. Pure: no clock, no disk, no ray, no arrays.

A unit is *waiting* for its needs, then *ready*, *running*, and ends *done*, *failed* or *skipped*
(because something it needs failed). Durable units (extract, commit, gather) leave a record and are
done for good. The others leave a value that lives until its last consumer has ended; a lost value
sends its unit back to *waiting*. The engine asks `pick` what to run, tells `handle` what happened,
and carries out the actions that come back.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Literal, TypeAlias

from d2b_ray.engine.events import (
    Action,
    Event,
    GiveUp,
    Lost,
    Release,
    Skip,
    Succeeded,
    WorkerView,
)
from d2b_ray.engine.policy import POLICY, Failure

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from d2b_ray.plan import Unit

__all__ = ["Control", "State"]

State: TypeAlias = Literal["waiting", "ready", "running", "done", "failed", "skipped", "unneeded"]

# What is nearest to a finished result goes first: it frees memory, and a killed sweep loses less.
PRIORITY = ("gather", "commit", "null", "fit", "factorize", "design", "extract")
AFFINITY_WINDOW = 32  # how many ready units are looked through for one that suits the worker


class Control:
    """Decides which unit runs next and what a failure means. One instance per sweep.

    `units` in topological order; `done` keys of durable units whose records stand; `failed` keys
    of units that failed in an earlier run and are not to be tried again; `open_designs` how many
    designs may be in memory at once.
    """

    def __init__(
        self,
        units: Iterable[Unit],
        *,
        done: Collection[str] = (),
        failed: Collection[str] = (),
        open_designs: int = 2,
    ) -> None:
        self.units: dict[str, Unit] = {unit.key: unit for unit in units}
        self.open_designs = open_designs
        self.state: dict[str, State] = {}
        self._consumers: dict[str, list[str]] = defaultdict(list)
        self._faults: dict[str, Counter[str]] = defaultdict(Counter)
        self._attempts: Counter[str] = Counter()
        self._order = {key: i for i, key in enumerate(self.units)}
        self._ready: dict[str, list[tuple[int, str]]] = {kind: [] for kind in PRIORITY}
        self._values: set[str] = set()
        self._open: Counter[str] = Counter()  # unfinished consumers of a key
        self._counts: Counter[tuple[str, State]] = Counter()
        self._settle_history(frozenset(done), frozenset(failed))

    # -- questions ------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Nothing is ready, running or waiting."""
        return not any(self.pending(state) for state in ("waiting", "ready", "running"))

    def pending(self, state: State) -> int:
        """Number of units in a state."""
        return sum(n for (_, s), n in self._counts.items() if s == state)

    def counts(self) -> Mapping[tuple[str, State], int]:
        """Units by (kind, state); zero counts may be present."""
        return self._counts

    def most_parallel(self) -> int:
        """The most units of one kind still to run: more workers than that would sit idle."""
        left = Counter(
            self.units[k].kind for k, s in self.state.items() if s in ("waiting", "ready")
        )
        return max(left.values(), default=0)

    def attempts(self, key: str) -> int:
        """How often the unit was started."""
        return self._attempts[key]

    def memory_factor(self, key: str) -> float:
        """Share of the memory budget for the next try: halved after each out-of-memory kill."""
        return float(0.5 ** self._faults[key]["out_of_memory"])

    def inputs(self, key: str) -> tuple[str, ...]:
        """The needs of a unit that are values in memory, in the order of `needs`."""
        return tuple(n for n in self.units[key].needs if not self.units[n].durable)

    # -- decisions ------------------------------------------------------------------------------

    def pick(self, worker: WorkerView) -> str | None:
        """The unit that this free worker should run now, marked as running; None when there is none.

        Order: nearest to a result first, then plan order; among the first candidates of one kind
        one whose subject or model the worker already holds is preferred.
        """
        for kind in PRIORITY:
            if kind in worker.kinds and (kind != "design" or self._may_open_design()):
                key = self._pick_of_kind(kind, worker)
                if key is not None:
                    self._move(key, "running")
                    self._attempts[key] += 1
                    return key
        return None

    def handle(self, event: Event) -> list[Action]:
        """Take in what happened; returns what the engine must do now."""
        if isinstance(event, Succeeded):
            return self._succeeded(event.key)
        if isinstance(event, Lost):
            return self._lost(event.keys)
        return self._failed(event.key, event.failure)

    # -- inside ---------------------------------------------------------------------------------

    def _settle_history(self, done: frozenset[str], failed: frozenset[str]) -> None:
        for key in self.units:
            self.state[key] = "waiting"
            self._counts[self.units[key].kind, "waiting"] += 1
        for key in self.units:
            if key in done and not self._gathers_anew(key):
                self._move(key, "done")
            elif key in failed:
                self._move(key, "failed")
            elif self.units[key].kind != "gather" and any(
                self.state[n] in ("failed", "skipped") for n in self.units[key].needs
            ):
                self._move(key, "skipped")
        wanted: set[str] = set()
        for key in reversed(self.units):
            unit = self.units[key]
            if self.state[key] != "waiting":
                continue
            if unit.durable or key in wanted:
                wanted.update(unit.needs)
            else:
                self._move(key, "unneeded")
        for key, unit in self.units.items():
            if self.state[key] == "waiting":
                for need in unit.needs:
                    self._consumers[need].append(key)
                    self._open[need] += 1
        for key in self.units:
            self._promote(key)

    def _gathers_anew(self, key: str) -> bool:
        """Whether a gather must follow: something that it shows will be made in this run."""
        unit = self.units[key]
        return unit.kind == "gather" and any(self.state[n] == "waiting" for n in unit.needs)

    def _move(self, key: str, state: State) -> None:
        kind = self.units[key].kind
        self._counts[kind, self.state[key]] -= 1
        self._counts[kind, state] += 1
        self.state[key] = state

    def _promote(self, key: str) -> None:
        unit = self.units[key]
        if self.state[key] != "waiting":
            return
        settled = ("done", "failed", "skipped") if unit.kind == "gather" else ("done",)
        if all(self.state[n] in settled for n in unit.needs):
            self._move(key, "ready")
            heapq.heappush(self._ready[unit.kind], (self._order[key], key))

    def _pick_of_kind(self, kind: str, worker: WorkerView) -> str | None:
        heap = self._ready[kind]
        seen: list[tuple[int, str]] = []
        home: tuple[int, str] | None = None
        while heap and len(seen) < AFFINITY_WINDOW and home is None:
            entry = heapq.heappop(heap)
            if self.state[entry[1]] != "ready":
                continue  # left behind by a skip or a lost value
            seen.append(entry)
            if self._at_home(self.units[entry[1]], worker):
                home = entry
        chosen = home or (seen[0] if seen else None)
        for entry in seen:
            if entry is not chosen:
                heapq.heappush(heap, entry)
        return chosen[1] if chosen else None

    def _may_open_design(self) -> bool:
        alive = sum(1 for key in self._values if self.units[key].kind == "design")
        return self._counts["design", "running"] + alive < self.open_designs

    def _at_home(self, unit: Unit, worker: WorkerView) -> bool:
        if unit.kind == "extract":
            return unit.model == worker.model
        if unit.subject is not None:
            return unit.subject == worker.subject
        return True

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
        self._values.discard(key)
        return [Release(key)]

    def _end(self, key: str) -> list[Action]:
        """A consumer has ended: values that nobody else waits for are released."""
        actions: list[Action] = []
        for need in self.units[key].needs:
            self._open[need] -= 1
            if self._open[need] == 0:
                actions.extend(self._release(need))
        return actions

    def _failed(self, key: str, failure: Failure) -> list[Action]:
        self._faults[key][failure.fault] += 1
        if self._faults[key][failure.fault] <= POLICY[failure.fault].retries:
            self._move(key, "waiting")
            self._promote(key)
            return []
        self._move(key, "failed")
        actions: list[Action] = [GiveUp(key, failure, self._attempts[key])]
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
        actions: list[Action] = []
        stack = [k for k in keys if self.state[k] == "done" and not self.units[k].durable]
        while stack:
            key = stack.pop()
            if self.state[key] != "done":
                continue
            self._values.discard(key)
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
        return actions
