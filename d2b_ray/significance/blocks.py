"""Blocks of consecutive samples, the unit in which series are resampled or swapped.

A block is long enough to hold what the autocorrelation of a series ties together; with `runs`, no
block reaches from one run of the scanner into the next. Which blocks are drawn is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import FitError
from d2b_ray.significance.orders import n_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import IntArray

__all__ = ["Blocks", "fixed_blocks", "moving_blocks"]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Rows `starts[b]` to `stops[b]` are block b; both (blocks,) int64, every block at least a row."""

    starts: IntArray
    stops: IntArray

    def __len__(self) -> int:
        """Number of blocks."""
        return len(self.starts)

    @property
    def lengths(self) -> IntArray:
        """Samples of each block, (blocks,)."""
        return self.stops - self.starts


def fixed_blocks(samples: int, block_trs: int, runs: Sequence[int] | None = None) -> Blocks:
    """Blocks side by side, each row in one: 0 to L, L to 2 L ... (Carlstein 1986, Ann. Statist. 14:1171).

    `samples` length of the series and `block_trs` L of a block, in TRs; the last block of a series,
    or of each run, may be shorter. `runs` lengths of the runs, in TRs. Raises FitError if L is below
    1 or the runs do not add up to the series.
    """
    parts = []
    for first, length in _runs(samples, runs):
        starts = first + block_trs * np.arange(n_blocks(length, block_trs))
        parts.append((starts, np.minimum(starts + block_trs, first + length)))
    return _joined(parts)


def moving_blocks(samples: int, block_trs: int, runs: Sequence[int] | None = None) -> Blocks:
    """All blocks of L consecutive rows: 0 to L, 1 to L + 1 ... (Künsch 1989, Ann. Statist. 17:1217).

    `samples`, `block_trs`, `runs` as for `fixed_blocks`; a run shorter than L is one block.
    """
    parts = []
    for first, length in _runs(samples, runs):
        n_blocks(length, block_trs)  # refuses a length below 1
        starts = first + np.arange(max(length - block_trs + 1, 1))
        parts.append((starts, np.minimum(starts + block_trs, first + length)))
    return _joined(parts)


def _runs(samples: int, runs: Sequence[int] | None) -> list[tuple[int, int]]:
    """First row and length of each run."""
    lengths = [samples] if runs is None else [int(length) for length in runs]
    if min(lengths, default=0) < 1 or sum(lengths) != samples:
        raise FitError(
            f"runs of {lengths} samples; each must be 1 or more, and their sum the {samples} samples "
            "of the series"
        )
    edges = np.cumsum([0, *lengths]).tolist()
    return list(zip(edges, lengths, strict=False))


def _joined(parts: list[tuple[IntArray, IntArray]]) -> Blocks:
    starts, stops = (np.concatenate(edge).astype(np.int64) for edge in zip(*parts, strict=True))
    return Blocks(starts, stops)
