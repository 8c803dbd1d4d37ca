"""The inner loops of the null: inner products of a series with a block-permuted one, in cache.

Two ways to the same bits. `direct`: one multiply-add per voxel, sample and permutation. `tabled`: the
products of every block with every block it can meet are made once, n x blocks multiply-adds, and a
permutation adds up one of them per block: less where there are many more permutations than blocks.
The null itself is never written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import Array, FloatArray, IntArray

__all__ = ["LANES", "direct", "standardized", "tabled"]

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


@njit(fastmath={"contract"}, nogil=True, inline="always")
def _block_product(
    f: FloatArray, m: FloatArray, base: int, row: int, length: int, out: FloatArray
) -> None:
    """out[v] = sum_l f[base + l, v] m[row + l, v], l rising: always this chain of multiply-adds.

    Ten, five or one step at a time: constants, so that the sums stay in registers.
    """
    for v in range(LANES):
        out[v] = np.float32(0)
    done = 0
    while length - done >= 10:
        a, b = f[base + done : base + done + 10], m[row + done : row + done + 10]
        for v in range(LANES):
            total = out[v] + a[0, v] * b[0, v] + a[1, v] * b[1, v] + a[2, v] * b[2, v]
            total = total + a[3, v] * b[3, v] + a[4, v] * b[4, v] + a[5, v] * b[5, v]
            total = total + a[6, v] * b[6, v] + a[7, v] * b[7, v] + a[8, v] * b[8, v]
            out[v] = total + a[9, v] * b[9, v]
        done += 10
    if length - done >= 5:
        a, b = f[base + done : base + done + 5], m[row + done : row + done + 5]
        for v in range(LANES):
            total = out[v] + a[0, v] * b[0, v] + a[1, v] * b[1, v] + a[2, v] * b[2, v]
            out[v] = total + a[3, v] * b[3, v] + a[4, v] * b[4, v]
        done += 5
    while done < length:
        for v in range(LANES):
            out[v] = out[v] + f[base + done, v] * m[row + done, v]
        done += 1


@njit(fastmath={"contract"}, nogil=True)
def direct(
    fixed: FloatArray,
    moved: FloatArray,
    orders: IntArray,
    starts: IntArray,
    stops: IntArray,
    out: FloatArray,
) -> None:
    """out[i, v] = sum_t fixed[t, v] moved[row_i(t), v], float32: blocks in the order they come in.

    `fixed`, `moved` (n, LANES) one tile; `orders` (N, blocks) of the blocks `starts` to `stops`; `out`
    (N, LANES).
    """
    product = np.empty(LANES, np.float32)
    for i in range(orders.shape[0]):
        for v in range(LANES):
            out[i, v] = np.float32(0)
        t = 0
        for k in range(orders.shape[1]):
            block = orders[i, k]
            length = stops[block] - starts[block]
            _block_product(fixed, moved, t, starts[block], length, product)
            for v in range(LANES):
                out[i, v] += product[v]
            t += length


@njit(fastmath={"contract"}, nogil=True)
def tabled(
    fixed: FloatArray,
    moved: FloatArray,
    entries: NDArray[np.int32],
    starts: IntArray,
    stops: IntArray,
    slots: IntArray,
    table: FloatArray,
    out: FloatArray,
) -> None:
    """`direct` by tables: the same sums in the same order.

    `slots` (blocks, 4): place k begins at row slots[k, 0] or, behind a shorter block, at slots[k, 1] (-1 if
    there is none), and takes blocks slots[k, 2] to slots[k, 3]. `entries` (blocks, N): which block is at
    place k of permutation i, plus the number of blocks if place k begins at the second row.
    `table` (2 blocks, LANES) is overwritten.
    """
    n, blocks = len(fixed), len(starts)
    out[:] = 0
    for k in range(blocks):
        for way in range(2):
            base = slots[k, way]
            if base < 0:
                continue
            for block in range(slots[k, 2], slots[k, 3]):
                length = min(stops[block] - starts[block], n - base)
                row = starts[block]
                _block_product(fixed, moved, base, row, length, table[way * blocks + block])
        for i in range(entries.shape[1]):
            entry = entries[k, i]
            for v in range(LANES):
                out[i, v] += table[entry, v]
