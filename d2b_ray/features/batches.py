"""Token sequences -> batches of similar length under a budget of padded tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["batches"]


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Numbers of the sequences of each batch: (sequences) × (longest of them) <= budget.

    Longest first, so that a budget too large for the memory shows at once; equal lengths keep
    their order, hence equal inputs give equal batches. A sequence longer than the budget is alone.
    """
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    start = 0
    while start < len(order):
        count = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + count]
        start += count
