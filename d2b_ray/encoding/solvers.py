"""Solvers: responses of many voxels -> penalties, CV scores, coefficients. One signature, one table.

All batch over voxels so that the working memory stays under a budget in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from d2b_ray.encoding.scoring import alpha_scores, shrinkage
from d2b_ray.encoding.tensors import to_array, to_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray
    from d2b_ray.encoding.factorization import Eigen, Factorization, FoldFactor

__all__ = ["SOLVERS", "Solution", "solve_kernel", "solve_primal"]

TILE = 256  # voxels; batches are multiples of it
CONSTANT = 1e-10  # a norm below this share of the mean is that of a constant response


@dataclass(frozen=True, slots=True)
class Solution:
    """What a solver finds: `alpha` (V,), `cv_r` (V,) mean CV score at it, `coef` (p, V) primal."""

    alpha: NDArray[np.float64]
    cv_r: FloatArray
    coef: FloatArray


def solve_primal(
    train: FloatArray,
    response: FloatArray,
    alphas: NDArray[np.float64],
    factorization: Factorization,
    device: str,
    memory_budget_bytes: int,
) -> Solution:
    """Ridge by fold Grams: beta = (X'X + alpha I)^-1 X'Y, alpha a voxel by leave-one-group-out CV.

    C_g = X_g'Y_g are the only products with the rows; fold g is trained on C - C_g. `train` (n, p),
    not centred (X is centred by `factorization.mean`), `response` (n, V), `alphas` (A,).
    """
    n, p = train.shape
    centre = to_tensor(factorization.mean, device, torch.float64)
    rows = to_tensor(train, device, torch.float64) - centre
    penalties = to_tensor(alphas, device, torch.float64)
    out = _empty(p, response.shape[1])
    per_voxel = 8 * (2 * n + (len(factorization.folds) + 8) * p + 3 * len(alphas))
    for start, stop in _batches(response.shape[1], per_voxel, memory_budget_bytes):
        y = to_tensor(response[:, start:stop], device, torch.float64)
        parts = [rows[f.fold.start : f.fold.stop].T @ _held(y, f) for f in factorization.folds]
        total = torch.stack(parts).sum(0)  # X'Y (p, v)
        scores = torch.zeros((len(alphas), stop - start), dtype=torch.float32, device=device)
        for factor, part in zip(factorization.folds, parts, strict=True):
            vectors, values = _tensors(factor.eigen, device)
            held = _held(y, factor)
            offset = to_tensor(factor.mean, device, torch.float64)
            cross = vectors.T @ (part - torch.outer(offset, held.sum(0)))  # A'Y (r, v)
            projected = vectors.T @ (total - part)  # B (r, v)
            scores += _fold_scores(factor, values, penalties, projected, cross, held)
        best = _best(scores / len(factorization.folds), alphas, out, start, stop)
        vectors, values = _tensors(factorization.full, device)
        filtered = (vectors.T @ total) / (values[:, None] + penalties[best][None, :])
        out.coef[:, start:stop] = to_array(vectors @ filtered)
    return out


def solve_kernel(
    train: FloatArray,
    response: FloatArray,
    alphas: NDArray[np.float64],
    factorization: Factorization,
    device: str,
    memory_budget_bytes: int,
) -> Solution:
    """Ridge by the linear kernel: beta = X' (K + alpha I)^-1 Y, alpha a voxel as in `solve_primal`.

    For fewer samples than features. Same arguments, same solution.
    """
    n, p = train.shape
    centre = to_tensor(factorization.mean, device, torch.float64)
    rows = to_tensor(train, device, torch.float64) - centre
    penalties = to_tensor(alphas, device, torch.float64)
    out = _empty(p, response.shape[1])
    per_voxel = 8 * (10 * n + p + 3 * len(alphas))
    for start, stop in _batches(response.shape[1], per_voxel, memory_budget_bytes):
        y = to_tensor(response[:, start:stop], device, torch.float64)
        scores = torch.zeros((len(alphas), stop - start), dtype=torch.float32, device=device)
        for factor in factorization.folds:
            vectors, values = _tensors(factor.eigen, device)
            held = _held(y, factor)
            trained = torch.cat([y[: factor.fold.start], y[factor.fold.stop :]])
            cross = to_tensor(factor.quadratic, device, torch.float64).T @ held
            projected = vectors.T @ trained  # B (r, v)
            scores += _fold_scores(factor, values, penalties, projected, cross, held)
        best = _best(scores / len(factorization.folds), alphas, out, start, stop)
        vectors, values = _tensors(factorization.full, device)
        filtered = (vectors.T @ y) / (values[:, None] + penalties[best][None, :])
        out.coef[:, start:stop] = to_array(rows.T @ (vectors @ filtered))
    return out


def _fold_scores(
    factor: FoldFactor,
    values: torch.Tensor,
    penalties: torch.Tensor,
    projected: torch.Tensor,
    cross: torch.Tensor,
    held: torch.Tensor,
) -> torch.Tensor:
    weights, rows = shrinkage(values, penalties)
    mean = held.mean(0)
    norm = (held - mean).square().sum(0).sqrt()
    norm[norm <= CONSTANT * mean.abs()] = 0  # what is left of a constant is rounding
    quadratic = to_tensor(factor.quadratic, str(held.device), torch.float32)
    scores = alpha_scores(weights, projected, cross, quadratic, norm, squared=factor.squared)
    return scores[rows]


def _best(
    scores: torch.Tensor, alphas: NDArray[np.float64], out: Solution, start: int, stop: int
) -> torch.Tensor:
    """Index of each voxel's best penalty, the first of equals; noted in `out`."""
    # torch's argmax promises no order among equals; numpy takes the first, as himalaya does
    found = to_array(scores)
    best = found.argmax(0)
    out.alpha[start:stop] = alphas[best]
    out.cv_r[start:stop] = found[best, np.arange(stop - start)]
    return torch.from_numpy(best).to(scores.device)


def _empty(p: int, voxels: int) -> Solution:
    return Solution(
        alpha=np.empty(voxels, np.float64),
        cv_r=np.empty(voxels, np.float32),
        coef=np.empty((p, voxels), np.float32),
    )


def _held(y: torch.Tensor, factor: FoldFactor) -> torch.Tensor:
    return y[factor.fold.start : factor.fold.stop]


def _tensors(eigen: Eigen, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        to_tensor(eigen.vectors, device, torch.float64),
        to_tensor(eigen.values, device, torch.float64),
    )


def _batches(voxels: int, per_voxel: int, budget: int) -> Iterator[tuple[int, int]]:
    """Ranges of voxels whose working memory fits the budget; at least one tile."""
    size = max(TILE, budget // per_voxel // TILE * TILE)
    for start in range(0, voxels, size):
        yield start, min(start + size, voxels)


Solver: TypeAlias = (
    "Callable[[FloatArray, FloatArray, NDArray[np.float64], Factorization, str, int], Solution]"
)
SOLVERS: dict[str, Solver] = {"ridge": solve_primal, "kernel_ridge": solve_kernel}
