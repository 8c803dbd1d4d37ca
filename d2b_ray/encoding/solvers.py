"""Solvers of one penalty a voxel: responses -> penalties, CV scores, coefficients. One signature.

All batch over voxels so that the working memory stays under a budget in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from d2b_ray.encoding.filters import make_filters
from d2b_ray.encoding.products import cross_products, row_products
from d2b_ray.encoding.scoring import alpha_scores
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
    "filter_values",
    "fold_scores",
    "primal_coefficients",
    "solve_kernel",
    "solve_primal",
]

TILE = 256  # voxels; batches are multiples of it
SUMMED = 64  # rows summed in float32, in cache; their sums in float64
CONSTANT = 1e-6  # a deviation below this share of the mean is float32 rounding
STEEP = 300.0  # times that X'D may cancel in float32: the rounding is then 2e-5 of the coefficients


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

    Z_g'Y_g are the only products with the rows; fold g is trained on the others' sum. `train`
    (n, p), not centred, of which `factorization` was made, `response` (n, V), `alphas` (A,).
    """
    n, p = train.shape
    assert factorization.rows is not None
    penalties = to_tensor(alphas, device, torch.float64)
    folds = [factor.fold for factor in factorization.folds]
    vectors, values = factorization.full.tensors(device)
    back, turn = vectors.to(torch.float32), values.sqrt().to(torch.float32)[:, None]
    out = _empty(p, response.shape[1])
    per_voxel = 4 * (3 * n + (len(factorization.folds) + 10) * p + 3 * len(alphas))
    for start, stop in batches(response.shape[1], per_voxel, memory_budget_bytes):
        y = to_tensor(response[:, start:stop], device, torch.float32)
        parts = cross_products(factorization.rows, y, folds)
        total = parts.sum(0)  # Z'Y (r, v)
        scores = torch.zeros((len(alphas), stop - start), dtype=torch.float32, device=device)
        for factor, part in zip(factorization.folds, parts, strict=True):
            held = y[factor.fold.start : factor.fold.stop]
            scores += fold_scores(factor, penalties, total - part, part, held)
        best = _note(scores / len(factorization.folds), alphas, out, start, stop)
        shrunk = turn * total / filter_values(values, penalties[best])
        out.coef[:, start:stop] = to_array(back @ shrunk)
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
    per_voxel = 4 * (12 * n + 2 * p + 3 * len(alphas))
    for start, stop in batches(response.shape[1], per_voxel, memory_budget_bytes):
        y = to_tensor(response[:, start:stop], device, torch.float32)
        scores = torch.zeros((len(alphas), stop - start), dtype=torch.float32, device=device)
        for factor in factorization.folds:
            held = y[factor.fold.start : factor.fold.stop]
            trained = torch.cat([y[: factor.fold.start], y[factor.fold.stop :]])
            scores += fold_scores(factor, penalties, trained, None, held)
        best = _note(scores / len(factorization.folds), alphas, out, start, stop)
        coef = primal_coefficients(
            train, factorization.mean, factorization.full, y, penalties[best]
        )
        out.coef[:, start:stop] = coef
    return out


def fold_scores(
    factor: FoldFactor,
    penalties: torch.Tensor,
    trained: torch.Tensor,
    part: torch.Tensor | None,
    held: torch.Tensor,
) -> torch.Tensor:
    """Scores (A, v) of all penalties on the held-out rows of one fold; all responses float32.

    Primal: `trained` Z'Y of the training rows (q, v), `part` that of the held-out rows. Dual:
    `trained` the training responses, `part` None. `held` (n_g, v) the held-out responses.
    """
    device = str(held.device)
    project = to_tensor(factor.project, device, torch.float32).T
    mean, norm = _spread(held)
    if part is None or factor.mean is None:
        assert factor.held is not None
        cross = to_tensor(factor.held, device, torch.float32).T @ held  # A'Y (r, v)
    else:
        offset = to_tensor(factor.mean, device, torch.float32)
        cross = project @ (part - torch.outer(offset, mean * len(held)))
    filters = make_filters(to_tensor(factor.values, device, torch.float64), penalties)
    root = to_tensor(factor.root, device, torch.float32)
    return alpha_scores(filters, project @ trained, cross, root, norm)[filters.rows]


def _spread(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
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


def filter_values(values: torch.Tensor, penalty: torch.Tensor) -> torch.Tensor:
    """values (r,) + penalty (v,) as float32 (r, v): what a ridge filter divides by."""
    return (values[:, None] + penalty[None, :]).to(torch.float32)


def primal_coefficients(
    train: FloatArray,
    mean: NDArray[np.float64],
    full: Eigen,
    y: torch.Tensor,
    penalty: torch.Tensor,
    *,
    cancelling: float = STEEP,
) -> FloatArray:
    """X' (K + alpha I)^-1 Y (p, v) for K with eigenvectors `full`; `penalty` (v,) one a column.

    Of a small alpha, the dual coefficients D of small eigenvalues are large and cancel in X'D: where
    they do so more than `cancelling` times, the products are float64.
    """
    out = np.empty((train.shape[1], y.shape[1]), np.float32)
    steep = _cancellation(full, penalty) > cancelling
    for dtype, chosen in ((torch.float32, ~steep), (torch.float64, steep)):
        columns = chosen.nonzero()[:, 0]
        if len(columns):
            vectors, values = full.tensors(str(y.device), dtype)
            divisor = values[:, None] + penalty[columns].to(dtype)
            dual = vectors @ ((vectors.T @ y[:, columns].to(dtype)) / divisor)
            out[:, columns.cpu().numpy()] = to_array(row_products(train, mean, dual))
    return out


def _cancellation(full: Eigen, penalty: torch.Tensor) -> torch.Tensor:
    """Bound of ||X|| ||D|| / ||X'D|| (v,) when the responses have the same share in all directions."""
    alphas, which = penalty.unique(return_inverse=True)  # type: ignore[no-untyped-call]
    values = full.tensors(str(penalty.device))[1]
    dual = 1 / (values + alphas[:, None])  # (A, r)
    found: torch.Tensor = values[-1].sqrt() * dual.amax(1) / (values.sqrt() * dual).amax(1)
    return found[which]


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
