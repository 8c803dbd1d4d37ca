"""`solver: himalaya`: the same fit by the reference library (Dupré la Tour et al., NeuroImage 2022).

Slow, and the second opinion that the fast solvers are tested against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.solvers import Solution, Solver
from d2b_ray.encoding.operations import reference_flops

if TYPE_CHECKING:
    from d2b_ray.catalog.solvers import Problem

__all__ = ["SOLVER", "solve"]

ALPHAS_BATCH = 5


def solve(problem: Problem, prepared: None) -> Solution:
    """himalaya's `RidgeCV` (n >= p) or `KernelRidgeCV`, in float32, as drama2brain calls them."""
    import numpy as np
    from himalaya.backend import set_backend
    from himalaya.kernel_ridge import KernelRidgeCV
    from himalaya.ridge import RidgeCV
    from himalaya.scoring import correlation_score

    from d2b_ray.encoding.batches import on_host
    from d2b_ray.encoding.folds import splits_of

    backend = set_backend("torch_cuda" if problem.device.startswith("cuda") else "torch")
    cv = splits_of(problem.groups)
    x = np.asarray(problem.train - problem.train.mean(0), np.float32)
    y = np.array(on_host(problem.response), np.float32)
    primal = x.shape[0] >= x.shape[1]
    # all alphas at once would hold as many copies of the predictions; the answer is the same
    solver_params: dict[str, Any] = {
        "score_func": correlation_score,
        "n_alphas_batch": ALPHAS_BATCH,
    }
    if primal:
        model = RidgeCV(
            alphas=problem.alphas,
            cv=cv,
            fit_intercept=problem.intercept,
            solver_params=solver_params,
        )
    else:
        model = KernelRidgeCV(
            alphas=problem.alphas,
            kernel="linear",
            cv=cv,
            fit_intercept=problem.intercept,
            solver_params=solver_params,
        )
    model.fit(x, y)
    coef = model.coef_ if primal else model.get_primal_coef()
    return Solution(
        alpha=np.asarray(backend.to_numpy(model.best_alphas_), np.float64),
        cv_r=np.asarray(backend.to_numpy(model.cv_scores_), np.float32),
        coef=np.ascontiguousarray(backend.to_numpy(coef), np.float32),
    )


SOLVER = Solver(solve=solve, flops=reference_flops)
