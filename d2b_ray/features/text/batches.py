"""Token sequences -> batches of similar length under a budget of padded tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["batches"]

ENOUGH = 512  # tokens that keep a processor as busy as more of them would


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Numbers of the sequences of each batch: (sequences) × (longest of them) <= budget.

    Longest first, so that a budget too large for the memory shows at once; equal lengths keep
    their order, hence equal inputs give equal batches. A sequence longer than the budget is alone.
    A batch of `ENOUGH` tokens ends where sequences get shorter: more of them would be padding.
    """
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    start = 0
    while start < len(order):
        longest = max(1, lengths[order[start]])
        most = max(1, budget // longest)
        stop = start + 1
        while stop < min(start + most, len(order)) and (
            (stop - start) * longest < ENOUGH or lengths[order[stop]] == lengths[order[stop - 1]]
        ):
            stop += 1
        yield order[start:stop]
        start = stop
