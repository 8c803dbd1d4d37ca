"""How sure is a score? Percentile intervals by a bootstrap over blocks of samples.

Blocks are drawn with replacement until they are as many samples as the series has; replicate i is
a function of (seed, i). What is resampled are sums over blocks (see `sums`), never the series.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from d2b_ray.errors import FitError
from d2b_ray.significance.blocks import Blocks, fixed_blocks, moving_blocks
from d2b_ray.significance.orders import generator
from d2b_ray.significance.sums import block_sums, correlations, drawn_sums
from d2b_ray.significance.tiles import alike, centred, tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Array, IntArray

__all__ = [
    "BlockName",
    "Interval",
    "MeasureName",
    "block_draws",
    "bootstrap_difference",
    "bootstrap_score",
]

BlockName: TypeAlias = Literal["fixed", "moving"]
MeasureName: TypeAlias = Literal["r", "signed_square"]
BLOCKS = {"fixed": fixed_blocks, "moving": moving_blocks}
MEASURES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "r": np.positive,
    "signed_square": lambda r: r * np.abs(r),
}


@dataclass(frozen=True, slots=True)
class Interval:
    """A value of each voxel and the ends of its confidence interval, all (V,) float64."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def bootstrap_score(
    prediction: Array,
    response: Array,
    *,
    seed: int,
    replicates: int = 1000,
    block_trs: int = 10,
    runs: Sequence[int] | None = None,
    blocks: BlockName = "fixed",
    measure: MeasureName = "r",
    level: float = 0.95,
) -> Interval:
    """The correlation of each voxel, or r|r| (`signed_square`), with its percentile interval.

    low, high = quantiles (1 - level)/2 and (1 + level)/2 of the values of the replicates.
    `prediction`, `response` (n, V); `block_trs` in TRs, longer than the memory of the series;
    `runs` lengths of the runs in TRs, which no block leaves; `blocks` side by side (`fixed`) or from
    any row on (`moving`). A constant voxel has 0 and the interval 0 to 0. Working memory is that of
    16 voxels, about 128 bytes times 5 (n + blocks + 2 replicates), and 8 bytes a drawn block. Raises
    FitError for other shapes, values that are not finite, unknown names and impossible numbers.

    Künsch (1989, Ann. Statist. 17:1217); Efron & Tibshirani (1993, An Introduction to the
    Bootstrap, chapters 8 and 13).
    """
    alike(prediction=prediction, response=response)
    drawing = _drawing(len(response), block_trs, runs, blocks, replicates, seed)
    return _intervals([prediction], response, drawing, measure, level)


def bootstrap_difference(
    first: Array,
    second: Array,
    response: Array,
    *,
    seed: int,
    replicates: int = 1000,
    block_trs: int = 10,
    runs: Sequence[int] | None = None,
    blocks: BlockName = "fixed",
    measure: MeasureName = "r",
    level: float = 0.95,
) -> Interval:
    """Score of the `first` prediction less that of the `second`, with its percentile interval.

    Both are scored on the same drawn blocks. With the joint model first, a model without a band
    second, and `measure` `signed_square`, it is the unique variance of the band, r|r| - r'|r'|.
    `first`, `second`, `response` (n, V); all else as for `bootstrap_score` (8 sums in place of 5).
    """
    alike(first=first, second=second, response=response)
    drawing = _drawing(len(response), block_trs, runs, blocks, replicates, seed)
    return _intervals([first, second], response, drawing, measure, level)


def block_draws(blocks: Blocks, start: int, stop: int, *, seed: int) -> IntArray:
    """Blocks of replicates `start` to `stop`, drawn with replacement, (stop - start, m) int64.

    m is such that the blocks drawn have on average as many samples as the series.
    """
    samples = int(blocks.stops.max())
    count = max(round(samples / float(blocks.lengths.mean())), 1)
    draws = [generator(seed, i).integers(0, len(blocks), count) for i in range(start, stop)]
    return np.stack(draws)


def _drawing(
    samples: int,
    block_trs: int,
    runs: Sequence[int] | None,
    name: BlockName,
    replicates: int,
    seed: int,
) -> tuple[Blocks, IntArray]:
    """The blocks, and which of them each replicate has."""
    if name not in BLOCKS:
        raise FitError(f"blocks {name!r} do not exist; allowed: {', '.join(BLOCKS)}")
    if replicates < 1:
        raise FitError(f"replicates is {replicates}; must be 1 or more")
    blocks = BLOCKS[name](samples, block_trs, runs)
    return blocks, block_draws(blocks, 0, replicates, seed=seed)


def _intervals(
    predictions: list[Array],
    response: Array,
    drawing: tuple[Blocks, IntArray],
    measure: MeasureName,
    level: float,
) -> Interval:
    if measure not in MEASURES:
        raise FitError(f"measure {measure!r} does not exist; allowed: {', '.join(MEASURES)}")
    if not 0 < level < 1:
        raise FitError(f"level is {level}; must lie between 0 and 1, as 0.95 does")
    blocks, drawn = drawing
    whole = Blocks(np.array([0]), np.array([len(response)]))
    out = np.empty((3, response.shape[1]))
    for columns in tiles(response.shape[1]):
        xs = [centred(one, columns, "prediction") for one in predictions]
        y = centred(response, columns, "response")
        values = _values(xs, y, blocks, drawn, measure)  # (N, LANES)
        value = _values(xs, y, whole, np.array([[0]]), measure)
        ends = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
        out[:, columns] = np.concatenate([value, ends])[:, : columns.stop - columns.start]
    return Interval(*out)


def _values(
    xs: list[NDArray[np.float64]],
    y: NDArray[np.float64],
    blocks: Blocks,
    drawn: IntArray,
    measure: MeasureName,
) -> NDArray[np.float64]:
    """Score, or difference of two scores, of every replicate of a tile, (N, LANES)."""
    columns = [y, y * y, *(column for x in xs for column in (x, x * x, x * y))]
    sums = drawn_sums(block_sums(columns, blocks), drawn)  # (2 + 3 a prediction, N, LANES)
    samples = blocks.lengths[drawn].sum(1)[:, None]
    scores = [
        MEASURES[measure](
            correlations(samples, sums[k], sums[0], sums[k + 1], sums[1], sums[k + 2])
        )
        for k in range(2, len(sums), 3)
    ]
    return scores[0] if len(scores) == 1 else scores[0] - scores[1]
