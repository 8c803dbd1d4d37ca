"""Counts of null values that reach the observed ones: kept as they are drawn, and put together."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.arrays import NullCounts
from d2b_ray.errors import FitError
from d2b_ray.significance.kernels import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import FloatArray

__all__ = ["Tally", "check_range", "merge"]


class Tally:
    """Counts null values against observed ones, tile by tile; holds none of them."""

    def __init__(self, observed: FloatArray, *, pooled: bool) -> None:
        self._observed = observed
        self._order = np.argsort(observed, kind="stable") if pooled else None
        size = len(observed) + pooled
        self._exceed, self._above = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self._maxima: list[FloatArray] = []
        self._values = 0

    def add(self, own: slice, null: FloatArray) -> None:
        """Null values (some permutations, voxels `own`, and perhaps columns behind them that count
        for nothing); the first voxels begin new permutations."""
        if own.start == 0:
            self._maxima.append(np.full(len(null), -np.inf, np.float32))
            self._values += len(null) * (1 if self._order is None else len(self._observed))
        maxima = self._maxima[-1]
        if self._order is None:
            count(null, self._observed[own], self._exceed[own], self._above[own], maxima)
            return
        null = null[:, : own.stop - own.start]
        np.maximum(maxima, null.max(1), out=maxima)
        rising, size = self._observed[self._order], len(self._exceed)
        for side, counts in (("right", self._exceed), ("left", self._above)):
            reached = np.searchsorted(rising, null.ravel(), side=side)  # type: ignore[call-overload]
            counts += np.bincount(reached, minlength=size)

    def counts(self, start: int) -> NullCounts:
        """All that was counted, of permutations from `start` on."""
        exceed, above = self._exceed, self._above
        if self._order is not None:
            # of null values that reach r observed ones, those with r > rank reach the one of that rank
            back = np.empty_like(self._order)
            back[self._order] = np.arange(len(back))
            exceed, above = (
                (count.sum() - np.cumsum(count)[:-1])[back] for count in (exceed, above)
            )
        return NullCounts(exceed, above, self._values, np.concatenate(self._maxima), start)


def merge(counts: Sequence[NullCounts]) -> NullCounts:
    """The counts of all ranges of permutations and voxels together, in their order."""
    if not counts:
        raise FitError("no null counts to merge")
    starts = sorted({part.start for part in counts})
    parts = [_of_all_voxels([p for p in counts if p.start == start]) for start in starts]
    for one, other in pairwise(parts):
        if one.start + len(one.maxima) != other.start:
            raise FitError(
                f"permutations from {other.start} on follow those up to "
                f"{one.start + len(one.maxima)}; ranges must join without gap or overlap"
            )
    return NullCounts(
        exceed=np.sum([part.exceed for part in parts], axis=0, dtype=np.int64),
        above=np.sum([part.above for part in parts], axis=0, dtype=np.int64),
        n_null=sum(part.n_null for part in parts),
        maxima=np.concatenate([part.maxima for part in parts]),
        start=parts[0].start,
    )


def _of_all_voxels(counts: Sequence[NullCounts]) -> NullCounts:
    """Counts of the same permutations, side by side; the largest null value is that of any part."""
    parts = sorted(counts, key=lambda part: part.first)
    for one, other in pairwise(parts):
        if one.first + len(one.exceed) != other.first or len(one.maxima) != len(other.maxima):
            raise FitError(
                f"permutations {one.start} to {one.start + len(one.maxima)} of voxels from {one.first} on "
                f"and {other.start} to {other.start + len(other.maxima)} from {other.first} on do not join"
            )
    return NullCounts(
        exceed=np.concatenate([part.exceed for part in parts]),
        above=np.concatenate([part.above for part in parts]),
        n_null=parts[0].n_null,
        maxima=np.max([part.maxima for part in parts], axis=0),
        start=parts[0].start,
        first=parts[0].first,
    )


def check_range(prediction: FloatArray, response: FloatArray, start: int, stop: int) -> None:
    """Raise FitError unless the two are (samples, voxels) and alike, and the range has permutations."""
    if prediction.shape != response.shape or prediction.ndim != 2:
        raise FitError(
            f"prediction {prediction.shape} and response {response.shape} must be (samples, "
            "voxels) and alike"
        )
    if not 0 <= start < stop:
        raise FitError(f"permutations {start} to {stop}: the range is empty")
