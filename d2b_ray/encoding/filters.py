"""Ridge filters of many penalties as mixtures of a few.

Scoring pays one matrix product for every filter w_a = 1 / (values + a). Over a decade or two of
eigenvalues all of them, whatever a, are mixtures of seven to ten of themselves to within float32
rounding; products are linear, so only those few are multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.linalg import lstsq, qr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Filters", "Segment", "make_filters"]

SAME = 1e-7  # relative change of a filter below which float32 scores cannot differ
DECADES = 1.0  # of eigenvalues a segment spans, unless it would have too few of them
LEAST = 96  # eigenvalues of a segment: fewer make thin matrix products
NODES = 48  # eigenvalues a decade's filters are compared at; they are smooth in log value
LARGEST = 4.0  # sum of a mixture's weights: above, rounding of its parts would show


@dataclass(frozen=True, slots=True)
class Segment:
    """Eigenvalues `start` to `stop`: filters `basis` (K, stop - start), `mix` (A', K) of them."""

    start: int
    stop: int
    basis: torch.Tensor
    mix: torch.Tensor


@dataclass(frozen=True, slots=True)
class Filters:
    """`weights` (A', r) float32 of the distinct penalties, `rows` (A,) of all penalties in it.

    `segments` float32, in order, cover all eigenvalues: weights[a, start:stop] = mix[a] @ basis.
    """

    weights: torch.Tensor
    rows: torch.Tensor
    segments: tuple[Segment, ...]


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
    distinct = weights[kept].astype(np.float32)
    segments = []
    for start, stop in _cuts(values):
        chosen, mix = _mixtures(values[start], values[stop - 1], float(values[0]), alphas[kept])
        basis = np.ascontiguousarray(distinct[chosen, start:stop])
        segments.append(
            Segment(
                start,
                stop,
                torch.from_numpy(basis).to(device),
                torch.from_numpy(mix.astype(np.float32)).to(device),
            )
        )
    on_device = torch.from_numpy(distinct).to(device), torch.tensor(rows).to(device)
    return Filters(*on_device, tuple(segments))


def _cuts(values: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Ranges of at least `LEAST` ascending values and, where there are enough, `DECADES`."""
    start = 0
    while start < len(values):
        stop = int(np.searchsorted(values, values[start] * 10**DECADES, side="right"))
        stop = max(stop, start + LEAST)
        if len(values) - stop < LEAST:
            stop = len(values)
        yield start, stop
        start = stop


def _mixtures(
    low: float, high: float, unit: float, penalties: NDArray[np.float64]
) -> tuple[list[int], NDArray[np.float64]]:
    """The fewest penalties whose filters give all others between two eigenvalues, and how."""
    nodes = np.geomspace(low, high, NODES)
    filters = (unit + penalties[:, None]) / (nodes + penalties[:, None])  # (A', NODES)
    order = qr(filters.T / filters.max(1), mode="r", pivoting=True)[1]
    count = len(penalties)
    for k in range(1, count):
        chosen = np.sort(order[:k])
        mix = lstsq(filters[chosen].T, filters.T)[0].T
        close = np.abs(mix @ filters[chosen] / filters - 1).max() <= SAME
        if close and np.abs(mix).sum(1).max() <= LARGEST:
            return chosen.tolist(), mix
    return list(range(count)), np.eye(count)
