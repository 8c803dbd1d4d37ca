"""Correlations of a series with block-permuted ones, tile by tile: chooses the loop, holds little.

Permutations come in chunks, so that memory does not grow with their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.significance.kernels import LANES, direct, tabled
from d2b_ray.significance.orders import block_orders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray, IntArray
    from d2b_ray.significance.blocks import Blocks
    from d2b_ray.significance.orders import RngName

__all__ = ["CHUNK", "Permuted", "chunks", "straight"]

CHUNK = 2048  # permutations at a time
ADDING = 1.5  # adding an entry of the table, in multiply-adds


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
    """Permutations `start` to `stop` of `block_orders`, at most CHUNK at a time."""
    samples = int(blocks.stops[-1])
    for first in range(start, stop, CHUNK):
        last = min(first + CHUNK, stop)
        orders = block_orders(samples, block_trs, first, last, seed=seed, rng=rng, runs=runs)
        yield Permuted.of(orders, blocks, runs)


def straight(blocks: Blocks) -> Permuted:
    """The one permutation that changes nothing."""
    return Permuted(np.arange(len(blocks))[None, :], blocks, None, None)


@dataclass(frozen=True, slots=True)
class Permuted:
    """Orders of blocks (N, blocks), and what `tabled` needs to know of them if it is the cheaper loop."""

    orders: IntArray
    blocks: Blocks
    slots: IntArray | None
    entries: NDArray[np.int32] | None

    @classmethod
    def of(cls, orders: IntArray, blocks: Blocks, runs: Sequence[int] | None) -> Permuted:
        """Orders within `runs` (lengths), with the cheaper way to their products."""
        slots, short = _slots(blocks, runs)
        lengths = blocks.lengths
        taken = np.concatenate([[0], np.cumsum(lengths)])
        wide = taken[slots[:, 3]] - taken[slots[:, 2]]
        ways = 1 + (slots[:, 1] >= 0)
        if (wide * ways).sum() + ADDING * orders.size >= len(orders) * lengths.sum():
            return cls(orders, blocks, None, None)
        entries = np.ascontiguousarray(orders.T.astype(np.int32))
        for first, stop, last in short:
            # where the shorter block comes before place k, place k begins earlier
            own = entries[first:stop]
            behind = np.cumsum(own == last, axis=0) > 0
            behind[1:] = behind[:-1].copy()
            behind[0] = False
            own += np.int32(len(blocks)) * behind
        return cls(orders, blocks, slots, entries)

    def __len__(self) -> int:
        """How many permutations."""
        return len(self.orders)

    def products(self, fixed: FloatArray, moved: FloatArray) -> FloatArray:
        """Inner products of `fixed` and permuted `moved`, one tile (n, LANES) each: (N, LANES) float32."""
        out = np.empty((len(self), LANES), np.float32)
        starts, stops = self.blocks.starts, self.blocks.stops
        if self.entries is None or self.slots is None:
            direct(fixed, moved, self.orders, starts, stops, out)
        else:
            table = np.empty((2 * len(starts), LANES), np.float32)
            tabled(fixed, moved, self.entries, starts, stops, self.slots, table, out)
        return out


def _slots(
    blocks: Blocks, runs: Sequence[int] | None
) -> tuple[IntArray, list[tuple[int, int, int]]]:
    """Rows of `tabled`, and first place, end and last block of every run whose last block is shorter."""
    slots = np.empty((len(blocks), 4), np.int64)
    short = []
    edges = np.cumsum([0, *([blocks.stops[-1]] if runs is None else runs)])
    firsts = np.searchsorted(blocks.starts, edges)
    for first, stop in pairwise(firsts):
        missing = int(blocks.lengths[first] - blocks.lengths[stop - 1])
        slots[first:stop, 0] = blocks.starts[first:stop]
        slots[first:stop, 1] = blocks.starts[first:stop] - missing if missing else -1
        slots[first, 1] = -1
        slots[first:stop, 2], slots[first:stop, 3] = first, stop
        if missing:
            short.append((int(first), int(stop), int(stop) - 1))
    return slots, short
