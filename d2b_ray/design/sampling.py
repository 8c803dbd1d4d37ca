"""From the clock of a stimulus to the samples of a recording: one named step, in closed form.

Sample i of a recording stands for the time c_i = (i + slice_reference) TR of the scanner; a time s of the
stimulus is offset_s + stretch s of the scanner. With rows x_j that hold from a_j to b_j (there):

    mean      sum_j w_ij x_j / sum_j w_ij,  w_ij seconds of [a_j, b_j] within c_i -+ TR/2; of points: 1 within
    boxcar    sum_j w_ij x_j / TR           (part of the sample that an event takes, a point 1 s)
    sum       sum_j x_j of the points within c_i -+ TR/2
    hold      the last row that has begun at c_i
    nearest   the row whose middle is nearest to c_i
    lanczos   sum_j L((c_i - m_j) f) x_j,  L(t) = sinc(t) sinc(t / lobes) within lobes, m_j the middle of a
              row, f = 2 cutoff_hz, by default 1 / TR; of rows that fill time, times f (b_j - a_j): gain 1

where no row is, zero. Lanczos over points is that of Huth et al. (2016, Nature 532:453-458), as their code
has it: a sum, so that what is said fast is large. A row a second at a TR of 1 s is left as it is by each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from d2b_ray.arrays import Clock
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import Array, FloatArray

__all__ = ["Method", "Sampling", "a_row_a_second", "to_scans"]

Method: TypeAlias = Literal["mean", "boxcar", "sum", "hold", "nearest", "lanczos"]
ROUNDING = 1e-9  # of seconds: times that are sums of a TR


@dataclass(frozen=True, slots=True)
class Sampling:
    """How rows come to samples. `cutoff_hz` None: that of the recording, 1 / (2 TR)."""

    method: Method = "mean"
    lobes: int = 3
    cutoff_hz: float | None = None
    slice_reference: float = 0.5
    offset_s: float = 0.0
    stretch: float = 1.0


def a_row_a_second(rows: int) -> Clock:
    """The clock of frames, sound and captions as they are extracted."""
    return Clock(np.arange(rows, dtype=np.float64), np.ones(rows))


def to_scans(rows: Array, clock: Clock, tr_s: float, scans: int, how: Sampling) -> FloatArray:
    """Rows (n, p) on their clock -> samples (scans, p) float32, computed in float64.

    DataError if the clock has another number of rows, or times that are not finite.
    """
    if len(rows) != len(clock.onset):
        raise DataError(f"{len(rows)} rows of features, and {len(clock.onset)} times")
    if clock.scans:
        return np.asarray(rows[:scans], np.float32)
    start = how.offset_s + how.stretch * clock.onset
    length = how.stretch * clock.duration
    if not (np.isfinite(start).all() and np.isfinite(length).all() and (length >= 0).all()):
        raise DataError("times of features must be finite numbers, and no duration may be below 0")
    order = np.argsort(start + length / 2, kind="stable")
    start, length = start[order], length[order]
    values = np.asarray(rows, np.float64)[order]
    out = np.zeros((scans, values.shape[1]), np.float32)
    centres = (np.arange(scans) + how.slice_reference) * tr_s
    for scan, centre in enumerate(centres):
        near, weights = _weights(start, length, float(centre), tr_s, how)
        if len(weights):
            out[scan] = weights @ values[near]
    return out


def _weights(
    start: NDArray[np.float64],
    length: NDArray[np.float64],
    centre: float,
    tr_s: float,
    how: Sampling,
) -> tuple[slice, NDArray[np.float64]]:
    """Which rows, in the order of their middles, make a sample, and with what weights."""
    middle = start + length / 2
    if how.method in ("hold", "nearest"):
        return _one(start, middle, centre, how.method)
    if how.method == "lanczos":
        rate = 1 / tr_s if how.cutoff_hz is None else 2 * how.cutoff_hz
        near = _within(middle, centre, how.lobes / rate)
        t = (centre - middle[near]) * rate
        weights = np.sinc(t) * np.sinc(t / how.lobes) * (np.abs(t) <= how.lobes)
        return near, weights * np.where(length[near] > 0, rate * length[near], 1.0)
    low, high = centre - tr_s / 2, centre + tr_s / 2
    near = _within(middle, centre, tr_s / 2 + float(length.max(initial=0)) / 2)
    own, long = start[near], length[near]
    inside = (own >= low - ROUNDING) & (own < high - ROUNDING)
    covered = np.clip(np.minimum(own + long, high) - np.maximum(own, low), 0, None)
    covered[covered < ROUNDING] = 0
    weights = np.where(long > 0, covered, inside)
    if how.method == "sum":
        return near, inside.astype(np.float64)
    total = tr_s if how.method == "boxcar" else float(weights.sum())
    return near, weights / total if total else weights[:0]


def _within(middle: NDArray[np.float64], centre: float, reach: float) -> slice:
    first, end = np.searchsorted(middle, (centre - reach - ROUNDING, centre + reach + ROUNDING))
    return slice(int(first), int(end))


def _one(
    start: NDArray[np.float64], middle: NDArray[np.float64], centre: float, method: str
) -> tuple[slice, NDArray[np.float64]]:
    """One row, with all the weight."""
    if method == "hold":
        begun = np.flatnonzero(start <= centre + ROUNDING)
        if not len(begun):
            return slice(0), np.zeros(0)
        row = int(begun[np.argmax(start[begun])])
    else:
        if not len(middle):
            return slice(0), np.zeros(0)
        row = int(np.argmin(np.abs(middle - centre)))
    return slice(row, row + 1), np.ones(1)
