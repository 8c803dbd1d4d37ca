"""The null of the block permutation, as counts: how many null values reach the observed one.

It keeps the autocorrelation within a block (Künsch 1989, Ann. Statist. 17:1217).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from d2b_ray.significance.blocks import fixed_blocks
from d2b_ray.significance.kernels import LANES, standardized
from d2b_ray.significance.products import chunks, observed_r
from d2b_ray.significance.tally import Tally, check_range

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
) -> NullCounts:
    """Counts of permutations `start` to `stop` of one fit.

    The order of blocks of the response is permuted, the prediction stays; `voxel` compares a voxel
    with its own null values, `pooled` with those of all voxels. `observed` (V,) takes the place of
    the correlations of the two (drama2brain compares the split score of a band). `prediction`,
    `response` (n, V); `block_trs` in TRs; `runs` lengths of the runs in TRs, in the order of the rows:
    blocks then stay in their run. Any split into ranges gives the same counts in sum (`merge`). Raises
    FitError for other shapes, and for runs that do not add up to the samples.
    """
    check_range(prediction, response, start, stop)
    n, voxels = prediction.shape
    fixed, moved = standardized(prediction), standardized(response)
    blocks = fixed_blocks(n, block_trs, runs)
    if observed is None:
        observed = observed_r(fixed, moved, blocks, voxels)
    tally = Tally(observed, pooled=kind == "pooled")
    for some in chunks(blocks, block_trs, start, stop, seed=seed, rng=rng, runs=runs):
        for tile, (one, other) in enumerate(zip(fixed, moved, strict=True)):
            own = slice(tile * LANES, min((tile + 1) * LANES, voxels))
            tally.add(own, some.products(one, other))
    return tally.counts(start)
