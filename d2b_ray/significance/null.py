"""Null distributions of correlations, as counts: how many null values reach the observed one.

The block permutation keeps the autocorrelation within a block (Künsch 1989, Ann. Statist. 17:1217).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from d2b_ray.arrays import NullCounts
from d2b_ray.errors import FitError
from d2b_ray.significance.blocks import fixed_blocks
from d2b_ray.significance.kernels import LANES, count, standardized
from d2b_ray.significance.orders import RngName, generator
from d2b_ray.significance.products import chunks, straight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import FloatArray

__all__ = ["NullName", "TestName", "block_null", "gauss_null", "merge"]

NullName: TypeAlias = Literal["voxel", "pooled"]
TestName: TypeAlias = Literal["block", "gauss"]
GAUSS_SERIES = 400


def block_null(
    prediction: FloatArray,
    response: FloatArray,
    *,
    start: int,
    stop: int,
    seed: int,
    block_trs: int = 10,
    kind: NullName = "voxel",
    rng: RngName = "philox",
    test: TestName = "block",
    observed: FloatArray | None = None,
    runs: Sequence[int] | None = None,
) -> NullCounts:
    """Counts of permutations `start` to `stop` of one fit.

    The order of blocks of the response is permuted, the prediction stays; `voxel` compares a voxel
    with its own null values, `pooled` with those of all voxels. `test` `gauss` compares with
    correlations of white noise instead (`gauss_null`). `observed` (V,) takes the place of the
    correlations of the two (drama2brain compares the split score of a band). `prediction`, `response` (n, V);
    `block_trs` in TRs; `runs` lengths of the runs in TRs, in the order of the rows: blocks then stay in
    their run. Any split into ranges gives the same counts in sum (`merge`). Raises
    FitError for other shapes, and for runs that do not add up to the samples.
    """
    if prediction.shape != response.shape or prediction.ndim != 2:
        raise FitError(
            f"prediction {prediction.shape} and response {response.shape} must be (samples, "
            "voxels) and alike"
        )
    if not 0 <= start < stop:
        raise FitError(f"permutations {start} to {stop}: the range is empty")
    n, voxels = prediction.shape
    fixed, moved = standardized(prediction), standardized(response)
    blocks = fixed_blocks(n, block_trs, runs)
    if observed is None:
        there = straight(blocks)
        found = [there.products(one, other)[0] for one, other in zip(fixed, moved, strict=True)]
        observed = np.concatenate(found)[:voxels]
    tally = _Tally(observed, pooled=kind == "pooled" or test == "gauss")
    if test == "gauss":
        tally.add(slice(0, voxels), gauss_null(voxels, n, start, stop, seed=seed, rng=rng))
        return tally.counts(start)
    for some in chunks(blocks, block_trs, start, stop, seed=seed, rng=rng, runs=runs):
        for tile, (one, other) in enumerate(zip(fixed, moved, strict=True)):
            own = slice(tile * LANES, min((tile + 1) * LANES, voxels))
            tally.add(own, some.products(one, other))
    return tally.counts(start)


class _Tally:
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


def gauss_null(
    voxels: int, samples: int, start: int, stop: int, *, seed: int, rng: RngName
) -> FloatArray:
    """Correlations of white noise: 400 x 400 pairs of series, the first `voxels` of them, a row each.

    Returns (stop - start, voxels) float32. `legacy` draws two (400, samples) arrays from
    `numpy.random.RandomState(seed)`, as drama2brain does.
    """
    if voxels > GAUSS_SERIES**2:
        raise FitError(
            f"test gauss gives {GAUSS_SERIES**2} null values, fewer than {voxels} voxels; "
            "use test block"
        )
    rows = []
    state = np.random.RandomState(seed)
    for index in range(stop):
        if rng == "legacy":
            one, other = (state.normal(size=(GAUSS_SERIES, samples)) for _ in range(2))
        elif index >= start:
            draw = generator(seed, index)
            one, other = (draw.standard_normal((GAUSS_SERIES, samples)) for _ in range(2))
        if index >= start:
            one, other = (
                (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True) for x in (one, other)
            )
            rows.append((other @ one.T / samples).reshape(-1)[:voxels])
    return np.stack(rows).astype(np.float32)


def merge(counts: Sequence[NullCounts]) -> NullCounts:
    """The counts of all ranges together, in the order of their permutations."""
    parts = sorted(counts, key=lambda part: part.start)
    if not parts:
        raise FitError("no null counts to merge")
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
