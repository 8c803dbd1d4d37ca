"""Ridge by fold Grams: the solver of one penalty a voxel for samples >= features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from d2b_ray.encoding.batches import batches, home_of, some_responses, working_bytes
from d2b_ray.encoding.fold_scores import FoldScorer, empty_solution, keep_best
from d2b_ray.encoding.products import cross_products
from d2b_ray.encoding.tensors import to_tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray
    from d2b_ray.catalog.solvers import Responses, Solution
    from d2b_ray.encoding.factorization import Factorization

__all__ = ["filter_values", "solve_primal"]


def solve_primal(
    train: FloatArray,
    response: Responses,
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
    out = empty_solution(p, response.shape[1], home_of(response))
    scorers = [FoldScorer(factor, alphas, device) for factor in factorization.folds]
    rows = to_tensor(factorization.rows, device, torch.float32)
    per_voxel = 4 * (3 * n + (len(factorization.folds) + 10) * p + 3 * len(alphas))
    budget = working_bytes(response, device, memory_budget_bytes)
    for start, stop in batches(response.shape[1], per_voxel, budget):
        batch = some_responses(
            response, start, stop, folds, device, intercept=factorization.intercept
        )
        parts = cross_products(rows, batch.y, folds)
        total = parts.sum(0)  # Z'Y (r, v)
        scores = torch.zeros((len(alphas), stop - start), dtype=torch.float32, device=device)
        for scored, part in zip(scorers, parts, strict=True):
            scores += scored(total - part, part, batch.held(scored.fold))
        best = keep_best(scores / len(scorers), alphas, out, start, stop)
        shrunk = turn * total / filter_values(values, penalties[best])
        out.coef[:, start:stop] = back @ shrunk
    return out


def filter_values(values: torch.Tensor, penalty: torch.Tensor) -> torch.Tensor:
    """values (r,) + penalty (v,) as float32 (r, v): what a ridge filter divides by."""
    return (values[:, None] + penalty[None, :]).to(torch.float32)
