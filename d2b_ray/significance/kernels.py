"""The inner loops of the null: inner products of a series with a block-permuted one, in cache.

Two ways to the same bits. `direct`: one multiply-add per voxel, sample and permutation. `tabled`: the
products of every block with every place it can come to are made once, n x blocks multiply-adds, and a
permutation adds up one of them per place: less where there are many more permutations than samples in
a block. The null itself is never written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from d2b_ray.significance.lanes import CACHED, LANES, add, fma, load, multiply, store

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from d2b_ray.arrays import Array, FloatArray, IntArray

__all__ = ["LANES", "count", "direct", "standardized", "tabled"]


def standardized(series: Array) -> FloatArray:
    """z-scores divided by sqrt(n), as tiles: (tiles, n, LANES) float32; zero for constant columns.

    The inner product of two standardized series is their correlation. `series` (n, V); the last
    tile is filled with zeros.
    """
    n, voxels = series.shape
    tiles = -(-voxels // LANES)
    out = np.zeros((tiles, n, LANES), np.float32)
    for tile in range(tiles):
        block = np.array(series[:, tile * LANES : (tile + 1) * LANES], np.float64)
        block -= block.mean(0)
        norm = np.sqrt(np.einsum("nv,nv->v", block, block))
        block *= np.divide(1, norm, out=np.zeros_like(norm), where=norm > 0)
        out[tile, :, : block.shape[1]] = block
    return out


@njit(nogil=True, inline="always")
def _chain(f: FloatArray, base: int, m: FloatArray, row: int, length: int) -> Any:
    """sum_l f[base + l] m[row + l], l rising: always this chain of multiply-adds."""
    total = multiply(load(f, base), load(m, row))
    for step in range(1, length):
        total = fma(load(f, base + step), load(m, row + step), total)
    return total


@njit(nogil=True, cache=CACHED)
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
    for i in range(orders.shape[0]):
        block = orders[i, 0]
        t = stops[block] - starts[block]
        total = _chain(fixed, 0, moved, starts[block], t)
        for k in range(1, orders.shape[1]):
            block = orders[i, k]
            length = stops[block] - starts[block]
            total = add(total, _chain(fixed, t, moved, starts[block], length))
            t += length
        store(out, i, total)


@njit(nogil=True, cache=CACHED)
def tabled(
    fixed: FloatArray,
    moved: FloatArray,
    entries: NDArray[np.int32],
    starts: IntArray,
    stops: IntArray,
    runs: IntArray,
    table: FloatArray,
    out: FloatArray,
) -> None:
    """`direct` by tables: the same sums in the same order.

    `runs` (runs, 2): first block of each, and the one behind its last. Place k of a run begins where
    its block k does or, behind the shorter last block, as many rows earlier as that one is shorter.
    `entries` (blocks, N): which block is at place k of permutation i, plus the number of blocks if
    place k begins earlier. `table` (4 blocks, LANES) is overwritten.
    """
    blocks = len(starts)
    out[:] = 0
    for run in range(len(runs)):
        first, stop = runs[run]
        length, last = stops[first] - starts[first], stops[stop - 1] - starts[stop - 1]
        missing = length - last
        full = stop if missing == 0 else stop - 1
        # rows of places that no order has are held within the run; nothing asks for their products
        low, high = starts[first], stops[stop - 1] - length
        for k in range(first, stop, 2):
            other = min(k + 1, stop - 1)
            for way in range(1 if missing == 0 else 2):
                here = min(max(starts[k] - way * missing, low), high)
                there = min(max(starts[other] - way * missing, low), high)
                own = way * blocks
                _pair(fixed, here, there, moved, low, length, first, full, table, own, 2 * blocks)
            if missing > 0:
                row = starts[stop - 1]
                store(table, stop - 1, _chain(fixed, starts[k], moved, row, last))
                product = _chain(fixed, starts[other], moved, row, last)
                store(table, 2 * blocks + stop - 1, product)
            if other > k:
                for i in range(entries.shape[1]):
                    total = add(load(out, i), load(table, entries[k, i]))
                    store(out, i, add(total, load(table, 2 * blocks + entries[other, i])))
            else:
                for i in range(entries.shape[1]):
                    store(out, i, add(load(out, i), load(table, entries[k, i])))


@njit(nogil=True, cache=CACHED)
def _pair(
    f: FloatArray,
    here: int,
    there: int,
    m: FloatArray,
    low: int,
    length: int,
    first: int,
    full: int,
    table: FloatArray,
    own: int,
    second: int,
) -> None:
    """Products of all blocks `first` to `full` with the rows from `here`, and with those from `there`."""
    for done in range(0, length - 9, 10):
        row = low + done
        _ten(f, here + done, there + done, m, row, length, first, full, table, own, second, done)
    for step in range(length - length % 10, length):
        a0, b0 = load(f, here + step), load(f, there + step)
        for block in range(first, full):
            x = load(m, low + (block - first) * length + step)
            if step == 0:
                s, t = multiply(a0, x), multiply(b0, x)
            else:
                s, t = load(table, own + block), load(table, own + second + block)
                s, t = fma(a0, x, s), fma(b0, x, t)
            store(table, own + block, s)
            store(table, own + second + block, t)


@njit(nogil=True, cache=CACHED)
def _ten(
    f: FloatArray,
    here: int,
    there: int,
    m: FloatArray,
    low: int,
    length: int,
    first: int,
    full: int,
    table: FloatArray,
    own: int,
    second: int,
    done: int,
) -> None:
    """Ten rows of both stay in registers while the blocks pass: a load serves two multiply-adds.

    They are added to what `done` rows before them gave.
    """
    a0, a1, a2, a3, a4 = _five(f, here)
    a5, a6, a7, a8, a9 = _five(f, here + 5)
    b0, b1, b2, b3, b4 = _five(f, there)
    b5, b6, b7, b8, b9 = _five(f, there + 5)
    for block in range(first, full):
        row = low + (block - first) * length
        x = load(m, row)
        if done == 0:
            s, t = multiply(a0, x), multiply(b0, x)
        else:
            s, t = load(table, own + block), load(table, own + second + block)
            s, t = fma(a0, x, s), fma(b0, x, t)
        x = load(m, row + 1)
        s, t = fma(a1, x, s), fma(b1, x, t)
        x = load(m, row + 2)
        s, t = fma(a2, x, s), fma(b2, x, t)
        x = load(m, row + 3)
        s, t = fma(a3, x, s), fma(b3, x, t)
        x = load(m, row + 4)
        s, t = fma(a4, x, s), fma(b4, x, t)
        x = load(m, row + 5)
        s, t = fma(a5, x, s), fma(b5, x, t)
        x = load(m, row + 6)
        s, t = fma(a6, x, s), fma(b6, x, t)
        x = load(m, row + 7)
        s, t = fma(a7, x, s), fma(b7, x, t)
        x = load(m, row + 8)
        s, t = fma(a8, x, s), fma(b8, x, t)
        x = load(m, row + 9)
        s, t = fma(a9, x, s), fma(b9, x, t)
        store(table, own + block, s)
        store(table, own + second + block, t)


@njit(nogil=True, inline="always")
def _five(f: FloatArray, row: int) -> Any:
    """Five rows, each in a register."""
    return load(f, row), load(f, row + 1), load(f, row + 2), load(f, row + 3), load(f, row + 4)


@njit(nogil=True, cache=CACHED)
def count(
    null: FloatArray, observed: FloatArray, exceed: IntArray, above: IntArray, maxima: FloatArray
) -> None:
    """Adds, for every voxel, how many null values reach the observed one and how many exceed it.

    `null` (N, LANES), of which the first columns are voxels, as many as in `observed`, `exceed` and
    `above`; `maxima` (N,) becomes the larger of itself and the largest null value of these voxels.
    """
    voxels = len(observed)
    for i in range(len(null)):
        most = maxima[i]
        for v in range(voxels):
            value = null[i, v]
            exceed[v] += value >= observed[v]
            above[v] += value > observed[v]
            most = max(most, value)
        maxima[i] = most
