"""Solvers of one penalty a voxel: responses -> penalties, CV scores, coefficients. One signature.

All batch over voxels so that the working memory stays under a budget in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from d2b_ray.encoding.products import cross_products, row_products
from d2b_ray.encoding.scoring import alpha_scores, shrinkage
from d2b_ray.encoding.tensors import to_array, to_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray
    from d2b_ray.encoding.factorization import Eigen, Factorization, FoldFactor

__all__ = [
    "SOLVERS",
    "Solution",
    "batches",
    "best_alphas",
    "fold_scores",
    "ridge_filter",
    "solve_kernel",
    "solve_primal",
]

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
    penalties = to_tensor(alphas, device, torch.float64)
    folds = [factor.fold for factor in factorization.folds]
    out = _empty(p, response.shape[1])
    per_voxel = 8 * (2 * n + (len(factorization.folds) + 8) * p + 3 * len(alphas))
    for start, stop in batches(response.shape[1], per_voxel, memory_budget_bytes):
        y = to_tensor(response[:, start:stop], device, torch.float64)
        parts = cross_products(train, factorization.mean, y, folds)
        total = parts.sum(0)  # X'Y (p, v)
        scores = torch.zeros((len(alphas), stop - start), dtype=torch.float32, device=device)
        for factor, part in zip(factorization.folds, parts, strict=True):
            held = y[factor.fold.start : factor.fold.stop]
            scores += fold_scores(factor, penalties, total - part, part, held)
        best = _note(scores / len(factorization.folds), alphas, out, start, stop)
        out.coef[:, start:stop] = to_array(ridge_filter(factorization.full, total, penalties[best]))
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
    penalties = to_tensor(alphas, device, torch.float64)
    out = _empty(p, response.shape[1])
    per_voxel = 8 * (10 * n + p + 3 * len(alphas))
    for start, stop in batches(response.shape[1], per_voxel, memory_budget_bytes):
        y = to_tensor(response[:, start:stop], device, torch.float64)
        scores = torch.zeros((len(alphas), stop - start), dtype=torch.float32, device=device)
        for factor in factorization.folds:
            held = y[factor.fold.start : factor.fold.stop]
            trained = torch.cat([y[: factor.fold.start], y[factor.fold.stop :]])
            scores += fold_scores(factor, penalties, trained, None, held)
        best = _note(scores / len(factorization.folds), alphas, out, start, stop)
        dual = ridge_filter(factorization.full, y, penalties[best])  # (n, v)
        coef = row_products(train, factorization.mean, dual)
        out.coef[:, start:stop] = to_array(coef)
    return out


def fold_scores(
    factor: FoldFactor,
    penalties: torch.Tensor,
    trained: torch.Tensor,
    part: torch.Tensor | None,
    held: torch.Tensor,
) -> torch.Tensor:
    """Scores (A, v) of all penalties on the held-out rows of one fold.

    Primal: `trained` C - C_g (p, v), `part` C_g. Dual: `trained` the training responses, `part`
    None. `held` (n_g, v) the held-out responses.
    """
    device = str(held.device)
    vectors, values = factor.eigen.tensors(device)
    mean = held.mean(0)
    if part is None or factor.mean is None:
        assert factor.held is not None
        cross = to_tensor(factor.held, device, torch.float64).T @ held  # A'Y (r, v)
    else:
        offset = to_tensor(factor.mean, device, torch.float64)
        cross = vectors.T @ (part - torch.outer(offset, mean * len(held)))
    norm = (held - mean).square().sum(0).sqrt()
    norm[norm <= CONSTANT * mean.abs()] = 0  # what is left of a constant is rounding
    weights, rows = shrinkage(values, penalties)
    root = to_tensor(factor.root, device, torch.float32)
    return alpha_scores(weights, vectors.T @ trained, cross, root, norm)[rows]


def ridge_filter(full: Eigen, product: torch.Tensor, penalty: torch.Tensor) -> torch.Tensor:
    """(M + alpha I)^-1 product for M with eigenvectors `full`; `penalty` (v,) one a column."""
    vectors, values = full.tensors(str(product.device))
    return vectors @ ((vectors.T @ product) / (values[:, None] + penalty[None, :]))


def best_alphas(scores: torch.Tensor) -> tuple[NDArray[np.int64], FloatArray]:
    """Index of each voxel's best penalty, the first of equals, and its score. `scores` (A, v)."""
    # torch's argmax promises no order among equals; numpy takes the first, as himalaya does
    found = to_array(scores)
    best = found.argmax(0)
    return best, found[best, np.arange(found.shape[1])]


def batches(voxels: int, per_voxel: int, budget: int) -> Iterator[tuple[int, int]]:
    """Ranges of voxels whose working memory fits the budget; at least one tile."""
    size = max(TILE, budget // per_voxel // TILE * TILE)
    for start in range(0, voxels, size):
        yield start, min(start + size, voxels)


def _note(
    scores: torch.Tensor, alphas: NDArray[np.float64], out: Solution, start: int, stop: int
) -> torch.Tensor:
    best, score = best_alphas(scores)
    out.alpha[start:stop] = alphas[best]
    out.cv_r[start:stop] = score
    return torch.from_numpy(best).to(scores.device)


def _empty(p: int, voxels: int) -> Solution:
    return Solution(
        alpha=np.empty(voxels, np.float64),
        cv_r=np.empty(voxels, np.float32),
        coef=np.empty((p, voxels), np.float32),
    )


Solver: TypeAlias = (
    "Callable[[FloatArray, FloatArray, NDArray[np.float64], Factorization, str, int], Solution]"
)
SOLVERS: dict[str, Solver] = {"ridge": solve_primal, "kernel_ridge": solve_kernel}
