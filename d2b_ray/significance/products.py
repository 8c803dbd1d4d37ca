"""Correlations of a series with block-permuted ones, tile by tile: chooses the loop, holds little.

Permutations come in chunks, so that memory does not grow with their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.significance.kernels import LANES, direct, tabled
from d2b_ray.significance.operations import ADDING, ALONE, DIRECT
from d2b_ray.significance.orders import order_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray, IntArray
    from d2b_ray.significance.blocks import Blocks
    from d2b_ray.significance.orders import RngName

__all__ = ["Permuted", "chunks", "observed_r", "straight"]


def chunks(
    blocks: Blocks,
    block_trs: int,
    start: int,
    stop: int,
    *,
    seed: int,
    rng: RngName,
    runs: Sequence[int] | None,
) -> Iterator[Permuted]:
    """Permutations `start` to `stop` of `block_orders`, some at a time."""
    samples = int(blocks.stops[-1])
    for orders in order_chunks(samples, block_trs, start, stop, seed=seed, rng=rng, runs=runs):
        yield Permuted.of(orders, blocks, runs)


def straight(blocks: Blocks) -> Permuted:
    """The one permutation that changes nothing."""
    return Permuted(np.arange(len(blocks))[None, :], blocks, _runs(blocks, None), None)


def observed_r(fixed: FloatArray, moved: FloatArray, blocks: Blocks, voxels: int) -> FloatArray:
    """Correlations (V,) of two `standardized` series, by the loop that makes the null values."""
    there = straight(blocks)
    found = [there.products(one, other)[0] for one, other in zip(fixed, moved, strict=True)]
    return np.concatenate(found)[:voxels]


@dataclass(frozen=True, slots=True)
class Permuted:
    """Orders of blocks (N, blocks), and what `tabled` needs to know of them if it is the cheaper loop."""

    orders: IntArray
    blocks: Blocks
    runs: IntArray
    entries: NDArray[np.int32] | None

    @classmethod
    def of(cls, orders: IntArray, blocks: Blocks, runs: Sequence[int] | None) -> Permuted:
        """Orders within `runs` (lengths), with the cheaper way to their products."""
        edges, lengths = _runs(blocks, runs), blocks.lengths
        ways = 1 + (lengths[edges[:, 1] - 1] < lengths[edges[:, 0]])
        each = lengths[edges[:, 0]]
        weight = each + (ALONE - 1) * (each % 10)
        making = (ways * weight * (edges[:, 1] - edges[:, 0]) ** 2).sum()
        if making + ADDING * orders.size >= DIRECT * len(orders) * lengths.sum():
            return cls(orders, blocks, edges, None)
        entries = np.ascontiguousarray(orders.T.astype(np.int32))
        for first, stop in edges:
            if lengths[stop - 1] == lengths[first]:
                continue
            # where the shorter block comes before place k, place k begins earlier
            own = entries[first:stop]
            behind = np.cumsum(own == stop - 1, axis=0) > 0
            behind[1:] = behind[:-1].copy()
            behind[0] = False
            own += np.int32(len(blocks)) * behind
        return cls(orders, blocks, edges, entries)

    def __len__(self) -> int:
        """How many permutations."""
        return len(self.orders)

    def products(self, fixed: FloatArray, moved: FloatArray) -> FloatArray:
        """Inner products of `fixed` and permuted `moved`, one tile (n, LANES) each: (N, LANES) float32."""
        out = np.empty((len(self), LANES), np.float32)
        starts, stops = self.blocks.starts, self.blocks.stops
        if self.entries is None:
            direct(fixed, moved, self.orders, starts, stops, out)
        else:
            table = np.empty((4 * len(starts), LANES), np.float32)
            tabled(fixed, moved, self.entries, starts, stops, self.runs, table, out)
        return out


def _runs(blocks: Blocks, runs: Sequence[int] | None) -> IntArray:
    """First block of each run, and the one behind its last, (runs, 2); one run if they are not told."""
    edges = np.cumsum([0, *([blocks.stops[-1]] if runs is None else runs)])
    firsts = np.searchsorted(blocks.starts, edges)
    return np.stack([firsts[:-1], firsts[1:]], 1)
