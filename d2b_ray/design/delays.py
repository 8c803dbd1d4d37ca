"""Delays: features shifted against the responses, to let a linear model wait for the blood.

The finite impulse response of Dale (1999, Human Brain Mapping 8:109-114), or its mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from d2b_ray.arrays import Array, FloatArray

__all__ = ["Boundary", "Combine", "Delays", "delay"]

Combine: TypeAlias = Literal["mean", "concat"]
Boundary: TypeAlias = Literal["run", "video"]


@dataclass(frozen=True, slots=True)
class Delays:
    """Shifts `start` to `end` in samples (at a TR of 1 s: seconds), both included.

    `boundary` says what is shifted as one series: each `run`, or the runs of a title that have the
    same role, stacked (`video`).
    """

    start: int
    end: int
    combine: Combine = "mean"
    boundary: Boundary = "run"

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise FitError(
                f"delays {self.start} to {self.end}: start must be 0 or more and not after end"
            )
        if self.combine not in ("mean", "concat"):
            raise FitError(f"delays: combine is {self.combine!r}; allowed: mean, concat")
        if self.boundary not in ("run", "video"):
            raise FitError(f"delays: boundary is {self.boundary!r}; allowed: run, video")

    @property
    def shifts(self) -> range:
        """All shifts, rising."""
        return range(self.start, self.end + 1)

    def width(self, p: int) -> int:
        """Number of columns that p features become."""
        return p * len(self.shifts) if self.combine == "concat" else p


def delay(x: Array, delays: Delays) -> FloatArray:
    """Delay one series: out[t] = mean over s of x[t - s], or the x[t - s] side by side.

    Rows with t < s count as zero. x (n, p) of any float type; returns (n, p) or, for `concat`,
    (n, p * shifts) float32, columns ordered by shift. The mean is taken in float64.
    """
    if x.ndim != 2:
        raise FitError(f"delay: got {x.ndim} dimensions; features must be (samples, width)")
    n, p = x.shape
    if delays.combine == "concat":
        out = np.zeros((n, delays.width(p)), np.float32)
        for column, shift in enumerate(delays.shifts):
            if shift < n:
                out[shift:, column * p : (column + 1) * p] = x[: n - shift]
        return out
    total = np.zeros((n, p), np.float64)
    for shift in delays.shifts:
        if shift < n:
            total[shift:] += x[: n - shift]
    total /= len(delays.shifts)
    return total.astype(np.float32)
