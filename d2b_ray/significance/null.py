"""The null of the block permutation, as counts: how many null values reach the observed one.

It keeps the autocorrelation within a block (Künsch 1989, Ann. Statist. 17:1217).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from d2b_ray.significance.blocks import fixed_blocks
from d2b_ray.significance.kernels import standardized
from d2b_ray.significance.memory import spread
from d2b_ray.significance.products import chunks, straight
from d2b_ray.significance.tally import Tally, check_range
from d2b_ray.significance.tiles import tiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import FloatArray, NullCounts
    from d2b_ray.significance.orders import RngName

__all__ = ["NullName", "block_null"]

NullName: TypeAlias = Literal["voxel", "pooled"]


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
    observed: FloatArray | None = None,
    runs: Sequence[int] | None = None,
    corrected: bool = False,
) -> NullCounts:
    """Counts of permutations `start` to `stop` of one fit.

    The order of blocks of the response is permuted, the prediction stays; `voxel` compares a voxel
    with its own null values, `pooled` with those of all voxels. `observed` (V,) takes the place of
    the correlations of the two (drama2brain compares the split score of a band). `prediction`,
    `response` (n, V); `block_trs` in TRs; `runs` lengths of the runs in TRs, in the order of the rows:
    blocks then stay in their run. `corrected`: the null values of a voxel are made wider by what blocks
    of this length miss of the variance that its autocorrelation gives r (`memory.spread`), so that
    slow series do not look significant. Any split into ranges gives the same counts in sum (`merge`).
    Beside its inputs it holds two tiles of 16 voxels. Raises FitError for other shapes, and for runs
    that do not add up to the samples.
    """
    check_range(prediction, response, start, stop)
    n, voxels = prediction.shape
    blocks = fixed_blocks(n, block_trs, runs)
    if observed is None:
        there = straight(blocks)
        observed = np.empty(voxels, np.float32)
        for own in tiles(voxels):
            fixed, moved = _pair(prediction, response, own)
            observed[own] = there.products(fixed, moved)[0, : own.stop - own.start]
    tally = Tally(observed, pooled=kind == "pooled")
    for some in chunks(blocks, block_trs, start, stop, seed=seed, rng=rng, runs=runs):
        for own in tiles(voxels):
            fixed, moved = _pair(prediction, response, own)
            if corrected:
                wider = spread(fixed.astype(np.float64), moved.astype(np.float64), block_trs)
                fixed *= wider.astype(np.float32)
            tally.add(own, some.products(fixed, moved))
    return tally.counts(start)


def _pair(
    prediction: FloatArray, response: FloatArray, own: slice
) -> tuple[FloatArray, FloatArray]:
    """A tile of both, standardized: (n, LANES) each, columns that are missing zero."""
    return standardized(prediction[:, own])[0], standardized(response[:, own])[0]
