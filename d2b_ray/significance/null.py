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
from d2b_ray.significance.kernels import LANES, permuted_products, standardized
from d2b_ray.significance.orders import RngName, block_orders, generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import FloatArray, IntArray
    from d2b_ray.significance.blocks import Blocks

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
    straight = np.arange(len(blocks))[None, :]
    if observed is None:
        found = np.empty((1, len(fixed) * LANES), np.float32)
        _products(fixed, moved, straight, blocks, found)
        observed = found[0, :voxels]
    if test == "gauss":
        null = gauss_null(voxels, n, start, stop, seed=seed, rng=rng)
        return _pooled(null, observed, start)
    orders = block_orders(n, block_trs, start, stop, seed=seed, rng=rng, runs=runs)
    if kind == "pooled":
        null = np.empty((stop - start, len(fixed) * LANES), np.float32)
        _products(fixed, moved, orders, blocks, null)
        return _pooled(null[:, :voxels], observed, start)
    return _by_voxel(fixed, moved, orders, blocks, observed, start)


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


def _products(
    fixed: FloatArray, moved: FloatArray, orders: IntArray, blocks: Blocks, out: FloatArray
) -> None:
    for tile in range(len(fixed)):
        part = np.empty((len(orders), LANES), np.float32)
        permuted_products(fixed[tile], moved[tile], orders, blocks.starts, blocks.stops, part)
        out[:, tile * LANES : (tile + 1) * LANES] = part


def _by_voxel(
    fixed: FloatArray,
    moved: FloatArray,
    orders: IntArray,
    blocks: Blocks,
    observed: FloatArray,
    start: int,
) -> NullCounts:
    voxels = len(observed)
    exceed, above = np.empty(voxels, np.int64), np.empty(voxels, np.int64)
    maxima = np.full(len(orders), -np.inf, np.float32)
    part = np.empty((len(orders), LANES), np.float32)
    for tile in range(len(fixed)):
        permuted_products(fixed[tile], moved[tile], orders, blocks.starts, blocks.stops, part)
        own = slice(tile * LANES, min((tile + 1) * LANES, voxels))
        null = part[:, : own.stop - own.start]
        exceed[own] = (null >= observed[own]).sum(0)
        above[own] = (null > observed[own]).sum(0)
        np.maximum(maxima, null.max(1), out=maxima)
    return NullCounts(exceed, above, len(orders), maxima, start)


def _pooled(null: FloatArray, observed: FloatArray, start: int) -> NullCounts:
    values = np.sort(null, axis=None)
    return NullCounts(
        exceed=len(values) - np.searchsorted(values, observed, side="left").astype(np.int64),
        above=len(values) - np.searchsorted(values, observed, side="right").astype(np.int64),
        n_null=len(values),
        maxima=null.max(1),
        start=start,
    )
