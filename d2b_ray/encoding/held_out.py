"""Responses of the rows that a fold holds out, their mean and what varies: what scores are made against."""

from __future__ import annotations

from typing import NamedTuple

import torch

__all__ = ["HeldOut", "spread"]

SUMMED = 64  # rows summed in float32, in cache; their sums in float64
CONSTANT = 1e-6  # a deviation below this share of the mean is float32 rounding


class HeldOut(NamedTuple):
    """`rows` (n_g, v) float32 of a fold, `mean` (v,) and `norm` (v,) of what is left without it.

    No rows, (0, v), where only what is measured of them is kept.
    """

    rows: torch.Tensor
    mean: torch.Tensor
    norm: torch.Tensor

    @classmethod
    def of(cls, rows: torch.Tensor) -> HeldOut:
        """These rows, measured."""
        return cls(rows, *spread(rows))

    def measured(self) -> HeldOut:
        """Without the rows."""
        none = self.rows.new_empty((0, self.rows.shape[1]))  # no view: that would keep them all
        return HeldOut(none, self.mean, self.norm)


def spread(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (v,) of the columns and norm (v,) of what is left of them; 0 for a constant column."""
    total = torch.zeros(rows.shape[1], dtype=torch.float64, device=rows.device)
    square = torch.zeros_like(total)
    for block in rows.split(SUMMED):  # type: ignore[no-untyped-call]
        total += block.sum(0)
    mean = (total / len(rows)).to(torch.float32)
    for block in rows.split(SUMMED):  # type: ignore[no-untyped-call]
        square += (block - mean).square_().sum(0)
    norm = square.sqrt_().to(torch.float32)
    norm[norm <= CONSTANT * len(rows) ** 0.5 * mean.abs()] = 0
    return mean, norm
