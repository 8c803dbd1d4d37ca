"""Ridge filters w_a = 1 / (values + a) of many penalties, and which of them differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["SAME", "Filters", "cuts", "make_filters"]

SAME = 1e-7  # relative change of a filter below which float32 scores cannot differ
DECADES = 1.0  # of eigenvalues between two cuts, unless there would be too few of them


@dataclass(frozen=True, slots=True)
class Filters:
    """`weights` (A', r) float32 of the distinct `penalties` (A',), `rows` (A,) of all penalties in them."""

    penalties: NDArray[np.float64]
    weights: torch.Tensor
    rows: torch.Tensor


def make_filters(
    values: NDArray[np.float64], alphas: NDArray[np.float64], device: str = "cpu"
) -> Filters:
    """Filters of eigenvalues `values` (r,), ascending and positive, for penalties (A,).

    w = (min(values) + alpha) / (values + alpha): the ridge filter 1 / (values + alpha) up to a
    factor, to which correlation is blind. A penalty far below or far above all `values` has the
    weights of its neighbour: it is not computed again, and ties in score stay exact ties. All is
    decided on the host, and put on `device` at the end.
    """
    weights = (values.min() + alphas[:, None]) / (values[None, :] + alphas[:, None])  # (A, r)
    rows: list[int] = []
    kept: list[int] = []
    for row, weight in enumerate(weights):
        if not kept or bool((np.abs(weight / weights[kept[-1]] - 1) > SAME).any()):
            kept.append(row)
        rows.append(len(kept) - 1)
    distinct = torch.from_numpy(weights[kept].astype(np.float32)).to(device)
    return Filters(alphas[kept], distinct, torch.tensor(rows).to(device))


def cuts(values: NDArray[np.float64], least: int = 1) -> Iterator[tuple[int, int]]:
    """Ranges of at least `least` ascending values and, where there are enough, `DECADES`."""
    start = 0
    while start < len(values):
        stop = int(np.searchsorted(values, values[start] * 10**DECADES, side="right"))
        stop = max(stop, start + least)
        if len(values) - stop < least:
            stop = len(values)
        yield start, stop
        start = stop
