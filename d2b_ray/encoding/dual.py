"""Ridge by the linear kernel: the solver of one penalty a voxel for fewer samples than features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from d2b_ray.encoding.batches import batches, home_of, some_responses, working_bytes
from d2b_ray.encoding.fold_scores import FoldScorer, empty_solution, keep_best
from d2b_ray.encoding.products import row_products
from d2b_ray.encoding.tensors import to_tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray
    from d2b_ray.catalog.solvers import Responses, Solution
    from d2b_ray.encoding.factorization import Eigen, Factorization

__all__ = ["dual_coefficients", "solve_dual"]

STEEP = 300.0  # times that X'D may cancel in float32: the rounding is then 2e-5 of the coefficients


def solve_dual(
    train: FloatArray,
    response: Responses,
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
    folds = [factor.fold for factor in factorization.folds]
    out = empty_solution(p, response.shape[1], home_of(response))
    scorers = [FoldScorer(factor, alphas, device) for factor in factorization.folds]
    per_voxel = 4 * (12 * n + 2 * p + 3 * len(alphas))
    budget = working_bytes(response, device, memory_budget_bytes)
    for start, stop in batches(response.shape[1], per_voxel, budget):
        batch = some_responses(
            response, start, stop, folds, device, intercept=factorization.intercept
        )
        y = batch.y
        scores = torch.zeros((len(alphas), stop - start), dtype=torch.float32, device=device)
        for scored in scorers:
            start_row, stop_row = scored.fold.start, scored.fold.stop
            trained = torch.cat([y[:start_row], y[stop_row:]])
            scores += scored(trained, None, batch.held(scored.fold))
        best = keep_best(scores / len(scorers), alphas, out, start, stop)
        coef = _primal_coefficients(
            train, factorization.mean, factorization.full, y, penalties[best]
        )
        out.coef[:, start:stop] = coef
    return out


def _primal_coefficients(
    train: FloatArray,
    mean: NDArray[np.float64],
    full: Eigen,
    y: torch.Tensor,
    penalty: torch.Tensor,
) -> torch.Tensor:
    """X' (K + alpha I)^-1 Y (p, v) float32 for K with eigenvectors `full`; `penalty` (v,) one a column.

    Of a small alpha, the dual coefficients D of small eigenvalues are large and cancel in X'D: where
    they may do so more than `STEEP` times, the products are float64.
    """
    out = y.new_empty((train.shape[1], y.shape[1]))
    steep = _cancellation(full, penalty) > STEEP
    for dtype, chosen in ((torch.float32, ~steep), (torch.float64, steep)):
        columns = chosen.nonzero()[:, 0]
        if len(columns):
            dual = dual_coefficients(full, y[:, columns].to(dtype), penalty[columns])
            out[:, columns] = row_products(train, mean, dual).to(out.dtype)
    return out


def dual_coefficients(full: Eigen, y: torch.Tensor, penalty: torch.Tensor) -> torch.Tensor:
    """(K + alpha I)^-1 Y (n, v) in Y's precision, for K with eigenvectors `full`; `penalty` (v,)."""
    vectors, values = full.tensors(str(y.device), y.dtype)
    return vectors @ ((vectors.T @ y) / (values[:, None] + penalty.to(y.dtype)))


def _cancellation(full: Eigen, penalty: torch.Tensor) -> torch.Tensor:
    """Bound of ||X|| ||D|| / ||X'D|| (v,) when the responses have the same share in all directions."""
    alphas, which = penalty.unique(return_inverse=True)  # type: ignore[no-untyped-call]
    values = full.tensors(str(penalty.device))[1]
    dual = 1 / (values + alphas[:, None])  # (A, r)
    found: torch.Tensor = values[-1].sqrt() * dual.amax(1) / (values.sqrt() * dual).amax(1)
    return found[which]
