"""Norms of the predictions of all penalties from a few matrix products: filters as mixtures of a few.

Over a decade or two of eigenvalues all filters w_a = 1 / (values + a), whatever a, are mixtures of seven to
ten of themselves to within float32 rounding; products are linear, so only those few are multiplied. Squares
are summed as squares: nothing cancels. Where held-out rows are few it is less work than pairs of eigenvalues.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.linalg import lstsq, qr

from d2b_ray.encoding.filters import SAME, cuts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Mixtures", "make_mixtures", "mixture_products"]

LEAST = 96  # eigenvalues of a segment: fewer make thin matrix products
NODES = 48  # eigenvalues a decade's filters are compared at; they are smooth in log value
LARGEST = 4.0  # sum of a mixture's weights: above, rounding of its parts would show
ROWS = 256  # held out, predicted at a time
TYPICAL = 8  # filters that all others are mixtures of


@dataclass(frozen=True, slots=True)
class Segment:
    """Eigenvalues `start` to `stop`: filters `basis` (K, stop - start), `mix` (A', K) of them."""

    start: int
    stop: int
    basis: torch.Tensor
    mix: torch.Tensor


@dataclass(frozen=True, slots=True)
class Mixtures:
    """`segments`, in order, cover all eigenvalues: filter a of a segment is mix[a] @ basis.

    `held` (n_g, r) float32: of A, the held-out rows, or of anything with its A'A.
    """

    segments: tuple[Segment, ...]
    held: torch.Tensor

    def squares(self, projected: torch.Tensor) -> torch.Tensor:
        """||A diag(w_a) b||^2 of every penalty, (A', v) float32, of `projected` b (r, v)."""
        shares = [(s, s.basis[:, :, None] * projected[s.start : s.stop]) for s in self.segments]
        mix = torch.cat([segment.mix for segment in self.segments], 1)  # (A', K)
        found = projected.new_zeros(len(mix), projected.shape[1])
        for rows in self.held.split(ROWS):  # type: ignore[no-untyped-call]
            parts = [
                rows[:, own.start : own.stop] @ part for own, share in shares for part in share
            ]
            mixed = mix @ torch.stack(parts).flatten(1)
            found += mixed.square_().view(len(mix), len(rows), -1).sum(1)
        return found


def make_mixtures(
    values: NDArray[np.float64], penalties: NDArray[np.float64], held: torch.Tensor
) -> Mixtures:
    """Mixtures for eigenvalues `values` (r,), ascending and positive, and `penalties` (A',).

    Squares are those of w = (min(values) + a) / (values + a), as `make_filters` scales.
    """
    unit = float(values[0])
    segments = []
    for start, stop in cuts(values, LEAST):
        chosen, mix = _mixtures(values[start], values[stop - 1], unit, penalties)
        own = penalties[chosen, None]
        basis = ((unit + own) / (values[start:stop] + own)).astype(np.float32)
        there = (torch.from_numpy(a).to(held.device) for a in (basis, mix.astype(np.float32)))
        segments.append(Segment(start, stop, *there))
    return Mixtures(tuple(segments), held)


def mixture_products(order: int, held: int) -> int:
    """Multiply-adds of a voxel's `squares`, of `order` eigenvalues and `held` rows; about."""
    return TYPICAL * order * held


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
