"""`solver: ridge`: one penalty a voxel by fold Grams, for samples >= features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.catalog.solvers import Solver
from d2b_ray.encoding.operations import ridge_flops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Band, FloatArray, IntArray
    from d2b_ray.catalog.solvers import Problem, Solution
    from d2b_ray.encoding.factorization import Factorization

__all__ = ["SOLVER", "nested", "prepare", "solve"]


def prepare(
    train: FloatArray, groups: IntArray, bands: Sequence[Band], device: str, intercept: bool
) -> Factorization:
    """Eigenvectors of the Gram matrix of the training rows of each fold."""
    from d2b_ray.encoding.grams import factorize_grams

    return factorize_grams(train, groups, device, intercept=intercept)


def solve(problem: Problem, prepared: Factorization) -> Solution:
    """The best penalty of each voxel, refitted on all rows."""
    from d2b_ray.encoding.primal import solve_primal

    return solve_primal(
        problem.train,
        problem.response,
        problem.alphas,
        prepared,
        problem.device,
        problem.memory_budget_bytes,
    )


def nested(problem: Problem, prepared: Factorization) -> FloatArray:
    """Predictions of the training rows, each group by a fit of the others."""
    from d2b_ray.encoding.grams import make_grams
    from d2b_ray.encoding.nested import nested_predictions

    parts = make_grams(problem.train, problem.groups, problem.device, intercept=problem.intercept)
    return nested_predictions(
        problem.train,
        problem.response,
        problem.alphas,
        parts,
        problem.device,
        problem.memory_budget_bytes,
    )


SOLVER = Solver(solve=solve, flops=ridge_flops, prepare=prepare, nested=nested)
