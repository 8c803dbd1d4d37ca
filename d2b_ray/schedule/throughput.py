"""How fast a run goes, and how long it will take: sums over the units that have ended."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from d2b_ray.plan import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from d2b_ray.schedule.control import Control

__all__ = ["Throughput"]


class Throughput:
    """Units ended and their seconds, by kind; `workers` that share what is left, `gpus` of these with one.

    `clock` tells seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.began = clock()
        self.executed: dict[str, int] = {}
        self.workers, self.gpus = 1, 0
        self._seconds: dict[str, float] = {}

    def ended(self, kind: str, seconds: float) -> None:
        """A unit has ended well."""
        self.executed[kind] = self.executed.get(kind, 0) + 1
        self._seconds[kind] = self._seconds.get(kind, 0.0) + seconds

    def mean(self, kind: str) -> float:
        """Mean seconds of the units of a kind that have ended; infinite before the first."""
        done = self.executed.get(kind, 0)
        return self._seconds[kind] / done if done else math.inf

    def rate(self) -> float:
        """Units ended per second since the start."""
        return sum(self.executed.values()) / max(self._clock() - self.began, 1e-9)

    def seconds_left(self, control: Control) -> float | None:
        """Mean seconds per unit of each kind times units left, over the workers; None if unknown."""
        counts, total = control.counts(), 0.0
        for kind in KINDS:
            left = sum(counts[kind, s] for s in ("waiting", "ready", "running"))
            if left and kind not in self.executed:
                return None
            if left:
                total += left * self._seconds[kind] / self.executed[kind]
        return total / self.workers

    def so_far(self, control: Control) -> dict[str, Any]:
        """Units by kind and state, rate, time left, memory: what `status` shows to others."""
        units: dict[str, dict[str, int]] = {}
        for (kind, state), number in sorted(control.counts().items()):
            if number:
                units.setdefault(kind, {})[state] = number
        left = self.seconds_left(control)
        return {
            "units": units,
            "executed": dict(self.executed),
            "rate": round(self.rate(), 3),
            "seconds_left": None if left is None else round(left),
            "workers": self.workers,
            "values_bytes": control.memory.held_bytes,
        }
