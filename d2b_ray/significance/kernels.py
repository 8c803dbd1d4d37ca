"""The inner loop of the null: inner products of a series with a block-permuted one, in cache.

Cost: one multiply-add per voxel, sample and permutation; the null itself is never written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from d2b_ray.arrays import Array, FloatArray, IntArray

__all__ = ["LANES", "permuted_products", "standardized"]

LANES = 16  # voxels side by side: a vector register or two, and both series of a tile stay in L2


def standardized(series: Array) -> FloatArray:
    """z-scores divided by sqrt(n), as tiles: (tiles, n, LANES) float32; zero for constant columns.

    The inner product of two standardized series is their correlation. `series` (n, V); the last
    tile is filled with zeros.
    """
    n, voxels = series.shape
    tiles = -(-voxels // LANES)
    out = np.zeros((tiles, n, LANES), np.float32)
    for tile in range(tiles):
        block = np.asarray(series[:, tile * LANES : (tile + 1) * LANES], np.float64)
        block = block - block.mean(0)
        norm = np.sqrt(np.einsum("nv,nv->v", block, block))
        np.divide(block, norm, out=block, where=norm > 0)
        out[tile, :, : block.shape[1]] = np.where(norm > 0, block, 0)
    return out


@njit(fastmath={"contract"}, nogil=True)
def permuted_products(
    fixed: FloatArray,
    moved: FloatArray,
    orders: IntArray,
    starts: IntArray,
    stops: IntArray,
    out: FloatArray,
) -> None:
    """out[i, v] = sum_t fixed[t, v] moved[row_i(t), v], float32, summed in the order of t.

    `fixed`, `moved` (n, LANES) one tile; `orders` (N, blocks) of the blocks `starts` to `stops`; `out`
    (N, LANES).
    """
    lanes = fixed.shape[1]
    for i in range(orders.shape[0]):
        total = np.zeros(lanes, np.float32)
        t = 0
        for order in range(orders.shape[1]):
            row = starts[orders[i, order]]
            length = stops[orders[i, order]] - row
            for step in range(length):
                for lane in range(lanes):
                    total[lane] += fixed[t + step, lane] * moved[row + step, lane]
            t += length
        out[i] = total
