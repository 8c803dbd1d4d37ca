"""Orders of blocks: permutation i is a function of (seed, i), whoever computes it.

`legacy` draws what drama2brain drew: one `numpy.random.RandomState`, a shuffle of the list of
blocks after the other; permutation i then needs the i shuffles before it, which are cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from d2b_ray.arrays import IntArray

__all__ = [
    "CHUNK", "RngName", "block_orders", "generator", "n_blocks", "order_chunks", "row_orders",
]  # fmt: skip

CHUNK = 2048  # permutations at a time

RngName: TypeAlias = Literal["philox", "legacy"]


def n_blocks(samples: int, block_trs: int) -> int:
    """Number of blocks of `block_trs` samples; the last one may be shorter."""
    if block_trs < 1:
        raise FitError(f"block_trs is {block_trs}; must be 1 or more")
    return -(-samples // block_trs)


def block_orders(
    samples: int,
    block_trs: int,
    start: int,
    stop: int,
    *,
    seed: int,
    rng: RngName = "philox",
    runs: Sequence[int] | None = None,
) -> IntArray:
    """Orders of blocks for permutations `start` to `stop`, (stop - start, blocks) int64.

    `samples` length of the series, `block_trs` of a block, in TRs. `runs` lengths of the runs in TRs:
    blocks (`fixed_blocks` of these runs) then change places within their run only. Raises
    FitError for `legacy` with runs: it draws one order of all blocks.
    """
    if runs is not None:
        if rng == "legacy":
            raise FitError(
                "rng legacy draws one order of all blocks; within runs it must be philox"
            )
        return _run_orders([n_blocks(n, block_trs) for n in runs], start, stop, seed)
    blocks = n_blocks(samples, block_trs)
    orders = np.empty((stop - start, blocks), np.int64)
    if rng == "legacy":
        state = np.random.RandomState(seed)
        for index in range(stop):
            order = np.arange(blocks)
            state.shuffle(order)
            if index >= start:
                orders[index - start] = order
        return orders
    for index in range(start, stop):
        orders[index - start] = generator(seed, index).permutation(blocks)
    return orders


def order_chunks(
    samples: int,
    block_trs: int,
    start: int,
    stop: int,
    *,
    seed: int,
    rng: RngName = "philox",
    runs: Sequence[int] | None = None,
) -> Iterator[IntArray]:
    """`block_orders` of permutations `start` to `stop`, at most CHUNK at a time: memory does not grow."""
    for first in range(start, stop, CHUNK):
        last = min(first + CHUNK, stop)
        yield block_orders(samples, block_trs, first, last, seed=seed, rng=rng, runs=runs)


def _run_orders(blocks: Sequence[int], start: int, stop: int, seed: int) -> IntArray:
    """Orders of the blocks of each run, one run after the other; `blocks` of each run."""
    edges = np.cumsum([0, *blocks])
    orders = np.empty((stop - start, edges[-1]), np.int64)
    for index in range(start, stop):
        draw = generator(seed, index)
        for first, count in zip(edges, blocks, strict=False):
            orders[index - start, first : first + count] = first + draw.permutation(count)
    return orders


def row_orders(orders: IntArray, samples: int, block_trs: int) -> IntArray:
    """Rows of the permuted series: (permutations, samples) int64 for orders (permutations, blocks)."""
    edges = range(0, samples, block_trs)
    rows = [np.arange(edge, min(edge + block_trs, samples)) for edge in edges]
    return np.stack([np.concatenate([rows[block] for block in order]) for order in orders])


def generator(seed: int, index: int) -> np.random.Generator:
    """The stream of permutation `index`: Philox keyed by the seed, 2^64 draws away from the next."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, index, 0, 0]))
