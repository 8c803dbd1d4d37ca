"""Correlations of resampled series from sums over their blocks; the series are never formed.

The correlation of any sequence of blocks needs only its sums of x, y, xx, yy and xy, and these are
sums of what each block has. So a resampled series costs additions over blocks, not over samples.
Sums are made in the order of blocks, so that they have the same bits in any split of the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from d2b_ray.significance.lanes import CACHED, LANES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import IntArray
    from d2b_ray.significance.blocks import Blocks

__all__ = ["block_sums", "correlations", "drawn_sums"]

# Variance left in a resampled series, relative to its square: below it the series is constant but
# for rounding (a sum of n squares is off by at most n * 1e-16), and has no correlation.
LEAST_VARIANCE = 1e-12


def block_sums(columns: Sequence[NDArray[np.float64]], blocks: Blocks) -> NDArray[np.float64]:
    """table[k, b, v] = sum of columns[k][t, v] over the rows t of block b.

    `columns` K tiles (n, LANES); returns (K, blocks, LANES).
    """
    table = np.empty((len(columns), len(blocks), LANES))
    for own, column in zip(table, columns, strict=True):
        _block_sums(column, blocks.starts, blocks.stops, own)
    return table


def drawn_sums(table: NDArray[np.float64], drawn: IntArray) -> NDArray[np.float64]:
    """out[k, i, v] = sum over j of table[k, drawn[i, j], v].

    `table` (K, blocks, LANES); `drawn` (N, blocks in a series); returns (K, N, LANES).
    """
    out = np.empty((len(table), len(drawn), LANES))
    for own, sums in zip(out, table, strict=True):
        _drawn_sums(sums, drawn, own)
    return out


def correlations(
    samples: IntArray | int,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    xx: NDArray[np.float64],
    yy: NDArray[np.float64],
    xy: NDArray[np.float64],
) -> NDArray[np.float64]:
    """r = (xy - x y / n) / sqrt((xx - x x / n) (yy - y y / n)) of sums x ... xy over n `samples`.

    All of shapes that broadcast; 0 where one of the two series is constant.
    """
    x_left, y_left = xx - x * x / samples, yy - y * y / samples
    varies = (x_left > LEAST_VARIANCE * xx) & (y_left > LEAST_VARIANCE * yy)
    norm = np.sqrt(np.where(varies, x_left * y_left, 1.0))
    r: NDArray[np.float64] = np.where(varies, (xy - x * y / samples) / norm, 0.0)
    return np.clip(r, -1, 1)


@njit(nogil=True, cache=CACHED)
def _block_sums(
    column: NDArray[np.float64], starts: IntArray, stops: IntArray, out: NDArray[np.float64]
) -> None:
    for block in range(len(starts)):
        total = np.zeros(LANES)
        for t in range(starts[block], stops[block]):
            for lane in range(LANES):
                total[lane] += column[t, lane]
        out[block] = total


@njit(nogil=True, cache=CACHED)
def _drawn_sums(sums: NDArray[np.float64], drawn: IntArray, out: NDArray[np.float64]) -> None:
    for i in range(drawn.shape[0]):
        total = np.zeros(LANES)
        for j in range(drawn.shape[1]):
            row = drawn[i, j]
            for lane in range(LANES):
                total[lane] += sums[row, lane]
        out[i] = total
