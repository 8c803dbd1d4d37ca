"""What is being worked on, since when, and about how long it takes: so that a long unit is seen to go on."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

from d2b_ray.plan import CPU_CORE, GPU, unit_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from d2b_ray.engine.sweep_run import SweepRun
    from d2b_ray.plan import Kind

__all__ = ["Underway", "Work"]

LONG_S = 5.0  # a unit that takes longer is named
ON_GPU = frozenset({"shard", "extract", "factorize", "fit"})
NEARLY = 0.95  # of a unit: that it is done is told by its report


class Work(NamedTuple):
    """A unit that runs: its kind and name, seconds since its start, seconds that it may take."""

    kind: Kind
    label: str
    elapsed: float
    expected: float

    @property
    def share(self) -> float:
        """Part of it that is done, by the clock; below 1."""
        return min(NEARLY, self.elapsed / max(self.expected, 1e-9))


class Underway:
    """Remembers when units were first seen to run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}

    def look(self, sweep_run: SweepRun) -> list[Work]:
        """Units that run now, the longest first.

        A unit takes as long as those of its kind took on average; the first of a kind as long as its
        operations are reckoned to.
        """
        now = self._clock()
        running = sweep_run.control.running()
        self._since = {key: self._since.get(key, now) for key in running}
        found = []
        for key, began in self._since.items():
            unit = sweep_run.plan[key]
            expected = sweep_run.throughput.mean(unit.kind)
            if not math.isfinite(expected):
                fast = sweep_run.throughput.gpus and unit.kind in ON_GPU
                rates = GPU if fast else CPU_CORE
                expected = unit_seconds(sweep_run.plan, unit, sweep_run.world.sizes, rates)
            found.append(Work(unit.kind, unit.label, now - began, expected))
        return sorted(found, key=lambda work: -work.elapsed)

    def words(self, found: list[Work], clock: Callable[[float], str]) -> str:
        """The unit that has run longest, if that is long; else nothing."""
        if not found or found[0].elapsed < LONG_S:
            return ""
        work = found[0]
        about = f" of about {clock(work.expected)}" if work.elapsed < work.expected else ""
        return f"{work.label} since {clock(work.elapsed)}{about}"
