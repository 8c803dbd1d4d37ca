"""Norms of the predictions of all penalties from one matrix product: a pair of eigenvalues at a time.

With M = A'A of the held-out rows, ||A diag(w) b||^2 = sum_ij M_ij b_i b_j w_i w_j, w_i = 1 / (l_i + a).
Where two eigenvalues differ, the penalty comes out of the pair,

    w_i w_j = (w_j - w_i) / (l_i - l_j),

so of such pairs C b, C_ji = 2 M_ji / (l_i - l_j), made once, gives the sum of every penalty as one row of
w_j b_j (C b)_j. Of eigenvalues alike it would cancel: with u = (l_i - l_j)^2 w_i w_j, w_i / w_j = e^t and
u = 4 sinh^2(t / 2), for small u

    w_i w_j = sum_k c_k (l_i - l_j)^(2k - 2) (w_i^2k + w_j^2k) / 2,   as 1 = sum_k c_k u^(k - 1) cosh(k t),

whose terms too have the penalty on one side only. So a voxel costs r^2 multiply-adds, and three more for each
pair that is alike, whatever the number of penalties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from d2b_ray.encoding.filters import cuts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Pairs", "make_pairs", "pair_products"]

TERMS = 3  # c_1 to c_3
ALIKE = 1.1  # ratio of eigenvalues: below, the three terms are within 1.3e-7 of w_i w_j
ROWS = 128  # whose pairs that are alike are multiplied at a time


@dataclass(frozen=True, slots=True)
class Far:
    """Pairs of eigenvalues that differ, the larger among `start` to `stop`.

    `product` (stop, stop - start) is C of each and the smaller ones; `weights` (A', stop) what its rows
    count for each penalty.
    """

    start: int
    stop: int
    product: torch.Tensor
    weights: torch.Tensor


@dataclass(frozen=True, slots=True)
class Near:
    """Eigenvalues `start` to `stop` and those like them, `first` to `last`: the terms, one below the other.

    `product` (TERMS (stop - start), last - first), `weights` (A', TERMS (stop - start)).
    """

    start: int
    stop: int
    first: int
    last: int
    product: torch.Tensor
    weights: torch.Tensor


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs: `far`, `near`, and `alone` (A', r), what the square of each b_i counts by itself."""

    far: tuple[Far, ...]
    near: tuple[Near, ...]
    alone: torch.Tensor

    def squares(self, projected: torch.Tensor) -> torch.Tensor:
        """||A diag(w_a) b||^2 of every penalty, (A', v) float32, of `projected` b (r, v).

        Its error is float32 rounding of the sum of squares of b alone, see `by_themselves`.
        """
        found = projected.new_zeros(len(self.alone), projected.shape[1])
        for far in self.far:
            met = projected.new_empty(far.stop, projected.shape[1])
            own = projected[far.start : far.stop]
            torch.mm(far.product[: far.start], own, out=met[: far.start])
            torch.mm(far.product.T, projected[: far.stop], out=met[far.start :])
            found.addmm_(far.weights, met.mul_(projected[: far.stop]))
        for near in self.near:
            met = near.product @ projected[near.first : near.last]
            met.view(TERMS, near.stop - near.start, -1).mul_(projected[near.start : near.stop])
            found.addmm_(near.weights, met)
        return found

    def by_themselves(self, projected: torch.Tensor) -> torch.Tensor:
        """sum_i M_ii w_i^2 b_i^2 of every penalty, (A', v): the squares if no two columns of A had to do
        with each other. Far smaller squares are differences that float32 does not hold."""
        return self.alone @ projected.square()


def make_pairs(
    values: NDArray[np.float64], penalties: NDArray[np.float64], held: torch.Tensor
) -> Pairs:
    """Pairs of eigenvalues `values` (r,), ascending and positive, for `penalties` (A',).

    `held` (n_g, r) float32, of A or of anything with its A'A. Squares are those of
    w = (min(values) + a) / (values + a), as `make_filters` scales. Cost n_g r^2.
    """
    ends = _alike(values)
    device, gram = held.device, held.T @ held
    eigenvalues = torch.from_numpy(values).to(device)
    alphas = torch.from_numpy(penalties).to(device)[:, None]
    first, last = torch.from_numpy(np.stack(ends)).to(device)
    order = torch.arange(len(values), device=device)
    units = eigenvalues[0] + alphas
    filters = 1 / (eigenvalues + alphas)  # (A', r)
    shares, squares = eigenvalues * filters, (units * filters).square()
    # of a penalty above a pair of eigenvalues 1 / (l + a) are alike, 1 / a - 1 / (l + a) are not
    turned = -shares / alphas
    far = []
    for start, stop in cuts(values):
        own, unit = slice(start, stop), float(np.sqrt(values[start] * values[stop - 1]))
        places = eigenvalues[:stop] / (2 * unit)
        product = (places[None, own] - places[:, None]).to(torch.float32)
        alike = (order[:stop, None] >= first[own]) & (order[:stop, None] < last[own])
        torch.div(gram[:stop, own], product, out=product).masked_fill_(alike, 0.0)
        chosen = torch.where(alphas > unit, turned[:, :stop], filters[:, :stop])
        weights = chosen * (units.square() / unit)
        weights[:, own] *= -1  # there the product's columns stand for rows: C_ij = -C_ji
        far.append(Far(start, stop, product, weights.to(torch.float32)))
    near = []
    for start in range(0, len(values), ROWS):
        stop = min(start + ROWS, len(values))
        own, low, high = slice(start, stop), int(ends[0][start]), int(ends[1][stop - 1])
        alike = (order[low:high] >= first[own, None]) & (order[low:high] < last[own, None])
        gap = (1 - eigenvalues[None, low:high] / eigenvalues[own, None]).to(torch.float32)
        terms = [gram[own, low:high].masked_fill(~alike, 0.0)]
        counts = [squares[:, own]]
        for _ in range(TERMS - 1):
            terms.append(terms[-1] * gap.square())
            counts.append(counts[-1] * shares[:, own].square())
        weights = torch.cat([c * count for c, count in zip(SERIES, counts, strict=True)], 1)
        near.append(Near(start, stop, low, high, torch.cat(terms), weights.to(torch.float32)))
    return Pairs(tuple(far), tuple(near), squares.to(torch.float32) * gram.diagonal())


def pair_products(values: NDArray[np.float64]) -> int:
    """Multiply-adds of a voxel's `squares`, but for the rows of weights."""
    first, last = _alike(values)
    return int(len(values) ** 2 + TERMS * (last - first).sum())


def _alike(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each eigenvalue the first that is like it, and the end of those that are."""
    first = np.searchsorted(values, values / ALIKE)
    return first, np.searchsorted(first, np.arange(len(values)), side="right")


def _series(ratio: float) -> list[float]:
    """c_k so that sum_k c_k u^(k - 1) cosh(k t) = 1 at the Chebyshev nodes up to e^t = `ratio`."""
    most = ratio + 1 / ratio - 2
    nodes = most / 2 * (1 + np.cos((2 * np.arange(TERMS) + 1) * np.pi / (2 * TERMS)))
    t = 2 * np.arcsinh(np.sqrt(nodes) / 2)
    terms = [nodes**k * np.cosh((k + 1) * t) for k in range(TERMS)]
    return [float(c) for c in np.linalg.solve(np.stack(terms, 1), np.ones(TERMS))]


SERIES = _series(ALIKE)
