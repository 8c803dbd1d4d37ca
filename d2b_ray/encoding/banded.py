"""Banded ridge: a penalty a band and voxel, by random search over the weights of the bands.

min ||Y - sum_b X_b B_b||^2 + sum_b (alpha / gamma_b) ||B_b||^2. A candidate gamma rescales the
columns of one Gram (D G D, D = diag(sqrt gamma)), or weighs one kernel a band (sum_b gamma_b K_b):
per candidate and fold only an eigendecomposition is new. Dupré la Tour et al. (2022), NeuroImage 264.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from d2b_ray.catalog.solvers import BandedSolution
from d2b_ray.encoding.batches import TILE, batches, home_of, some_responses, working_bytes
from d2b_ray.encoding.dual import dual_coefficients
from d2b_ray.encoding.fold_scores import FoldScorer, best_alphas
from d2b_ray.encoding.grams import Grams
from d2b_ray.encoding.primal import filter_values
from d2b_ray.encoding.products import cross_products, row_products
from d2b_ray.encoding.tensors import to_tensor
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Band, FloatArray
    from d2b_ray.catalog.solvers import Responses
    from d2b_ray.encoding.batches import Batch
    from d2b_ray.encoding.factorization import FoldFactor
    from d2b_ray.encoding.held_out import HeldOut
    from d2b_ray.encoding.kernels import Kernels

__all__ = ["solve_banded"]

Factors: TypeAlias = "tuple[FoldFactor, ...]"
EPSILON = float(np.finfo(np.float32).eps)  # a candidate must be better by this, as in himalaya


def solve_banded(
    train: FloatArray,
    response: Responses,
    bands: Sequence[Band],
    alphas: NDArray[np.float64],
    candidates: NDArray[np.float64],
    parts: Grams | Kernels,
    device: str,
    memory_budget_bytes: int,
) -> BandedSolution:
    """The best candidate and penalty of each voxel, refitted on all rows.

    `train` (n, p) not centred, `response` (n, V), `candidates` gamma (N, bands), `parts` the Grams
    or Kernels of the design. A candidate takes the place of an earlier one when its mean CV score
    at its best penalty is higher by more than float32 rounding.
    """
    if candidates.ndim != 2 or candidates.shape[1] != len(bands):
        raise FitError(
            f"candidates have shape {candidates.shape}; expected (N, {len(bands)} bands)"
        )
    n, p = train.shape
    voxels = response.shape[1]
    out = BandedSolution(
        alpha=np.ones(voxels),
        gamma=np.full((len(bands), voxels), 1 / len(bands)),
        cv_r=np.full(voxels, -np.inf, np.float32),
        coef=torch.zeros((p, voxels), dtype=torch.float32, device=home_of(response)),
        history=np.empty((len(candidates), voxels), np.float32),
    )
    scales = _column_scales(candidates, bands, p)
    budget = working_bytes(response, device, memory_budget_bytes)
    if isinstance(parts, Grams):
        grams, inner = parts.rotated(train, device), _inner(n, p, len(parts.folds), budget)
        held = 4 * (len(parts.folds) + 1) * p  # of a voxel, while all candidates go by
        for start, stop in batches(voxels, held, budget // 2):
            own = _part_of(out, start, stop)
            _solve_primal(response, start, inner, grams, alphas, candidates, scales, device, own)
        return out
    per_voxel = 4 * (2 * n + (len(parts.folds) + 12) * (p + n) + 3 * len(alphas))
    for start, stop in batches(voxels, per_voxel, budget):
        batch = some_responses(
            response, start, stop, parts.folds, device, intercept=parts.intercept
        )
        own = _part_of(out, start, stop)
        _solve_kernel(train, batch, parts, alphas, candidates, bands, device, own)
    return out


def _inner(n: int, p: int, folds: int, budget: int) -> int:
    """Voxels whose responses are met, or that are scored, at a time, in half of the budget."""
    return max(TILE, budget // 2 // (4 * max(3 * n, (folds + 10) * p)) // TILE * TILE)


def _part_of(out: BandedSolution, start: int, stop: int) -> BandedSolution:
    """The same arrays, of voxels `start` to `stop`."""
    return BandedSolution(
        alpha=out.alpha[start:stop],
        gamma=out.gamma[:, start:stop],
        cv_r=out.cv_r[start:stop],
        coef=out.coef[:, start:stop],
        history=out.history[:, start:stop],
    )


def _column_scales(
    candidates: NDArray[np.float64], bands: Sequence[Band], p: int
) -> NDArray[np.float64]:
    """sqrt(gamma) of the band of each column, (N, p)."""
    scales = np.zeros((len(candidates), p))
    for number, band in enumerate(bands):
        scales[:, band.start : band.stop] = np.sqrt(candidates[:, number])[:, None]
    return scales


def _solve_primal(
    response: Responses,
    first: int,
    inner: int,
    grams: Grams,
    alphas: NDArray[np.float64],
    candidates: NDArray[np.float64],
    scales: NDArray[np.float64],
    device: str,
    out: BandedSolution,
) -> None:
    """All voxels of `out`, from `first` on, side by side: a candidate is factorized once for them.

    Of their responses Z'Y of each fold is kept, and what is measured of the held-out rows; these are met, and
    later scored, `inner` voxels at a time.
    """
    assert grams.principal is not None
    principal, rows = grams.principal
    voxels = len(out.alpha)
    pieces = [slice(at, min(at + inner, voxels)) for at in range(0, voxels, inner)]
    there = to_tensor(rows, device, torch.float32)
    parts = torch.empty((len(grams.folds), rows.shape[1], voxels), device=device)
    held: list[list[HeldOut]] = []  # of each piece, by fold
    for piece in pieces:
        own = some_responses(
            response, first + piece.start, first + piece.stop, grams.folds, device,
            intercept=grams.intercept,
        )  # fmt: skip
        parts[:, :, piece] = cross_products(there, own.y, grams.folds)
        held.append([own.held(fold).measured() for fold in grams.folds])
    total = parts.sum(0)

    def score(factors: Factors) -> torch.Tensor:
        scores = torch.zeros((len(alphas), voxels), device=device)
        for number, (factor, part) in enumerate(zip(factors, parts, strict=True)):
            scorer = FoldScorer(factor, alphas, device)
            for piece, measured in zip(pieces, held, strict=True):
                own = part[:, piece]
                scores[:, piece] += scorer(total[:, piece] - own, own, measured[number])
        return scores

    best = _search(
        lambda index: grams.factors(device, scales[index]), score, alphas, candidates, out
    )
    axes, lengths = principal.tensors(device)
    taken = np.unique(best)
    for index, eigen in zip(taken, grams.full(device, scales[taken]), strict=True):
        chosen = np.flatnonzero(best == index)
        columns = torch.from_numpy(chosen).to(total.device)
        scale = to_tensor(scales[index], device, torch.float64)[:, None]
        vectors, values = eigen.tensors(device)
        back = scale * vectors  # from eigenvectors to columns (p, r)
        project = (back.T @ axes * lengths.sqrt()).to(torch.float32)  # Z'Y to eigenvectors
        penalty = to_tensor(out.alpha[chosen], device, torch.float64)
        shrunk = project @ total[:, columns] / filter_values(values, penalty)
        found = back.to(torch.float32) @ shrunk
        out.coef[:, columns.to(out.coef.device)] = found.to(out.coef.device)


def _solve_kernel(
    train: FloatArray,
    batch: Batch,
    kernels: Kernels,
    alphas: NDArray[np.float64],
    candidates: NDArray[np.float64],
    bands: Sequence[Band],
    device: str,
    out: BandedSolution,
) -> None:
    y = batch.y

    def score(factors: Factors) -> torch.Tensor:
        return sum(  # type: ignore[return-value]  # there are folds
            FoldScorer(f, alphas, device)(
                torch.cat([y[: f.fold.start], y[f.fold.stop :]]),
                None,
                batch.held(f.fold),
            )
            for f in factors
        )

    best = _search(
        lambda index: kernels.factors(device, candidates[index]),
        score,
        alphas,
        candidates,
        out,
    )
    # a band of small weight cancels in the others' columns: always float64
    dual = torch.empty_like(y, dtype=torch.float64)
    taken = np.unique(best)
    for index, eigen in zip(taken, kernels.full(device, candidates[taken]), strict=True):
        chosen = np.flatnonzero(best == index)
        columns = torch.from_numpy(chosen).to(device)
        penalty = to_tensor(out.alpha[chosen], device, torch.float64)
        dual[:, columns] = dual_coefficients(eigen, y[:, columns].to(torch.float64), penalty)
    coef = row_products(train, kernels.mean, dual)
    for band, gamma in zip(bands, out.gamma, strict=True):
        coef[band.start : band.stop] *= to_tensor(gamma, device, torch.float64)
    out.coef[:] = coef.to(out.coef.device, torch.float32)


def _search(
    factorize: Callable[[int], Factors],
    score: Callable[[Factors], torch.Tensor],
    alphas: NDArray[np.float64],
    candidates: NDArray[np.float64],
    out: BandedSolution,
) -> NDArray[np.int64]:
    """Fill `alpha`, `gamma`, `cv_r`, `history`; returns the chosen candidate of each voxel."""
    best = np.zeros(len(out.alpha), np.int64)
    for index, gamma in enumerate(candidates):
        factors = factorize(index)
        scores = score(factors) / len(factors)
        row, found = best_alphas(scores)
        out.history[index] = found
        better = found > out.cv_r + EPSILON
        out.cv_r[better] = found[better]
        out.alpha[better] = alphas[row[better]]
        out.gamma[:, better] = gamma[:, None]
        best[better] = index
    return best
