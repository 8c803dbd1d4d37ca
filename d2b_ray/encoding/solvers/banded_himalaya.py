"""`solver: himalaya` of banded fits: the same by the reference library, slow. See `himalaya`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.solvers import BandedSolution, Solver
from d2b_ray.encoding.operations import reference_flops
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from d2b_ray.catalog.solvers import Problem

__all__ = ["SOLVER", "solve"]


def solve(problem: Problem, prepared: None) -> BandedSolution:
    """himalaya's `GroupRidgeCV` (n >= p) or `MultipleKernelRidgeCV`, by random search, in float32.

    Its refinement is ours alone and is refused.
    """
    import numpy as np
    from himalaya.backend import set_backend
    from himalaya.kernel_ridge import MultipleKernelRidgeCV
    from himalaya.ridge import GroupRidgeCV
    from himalaya.scoring import correlation_score

    from d2b_ray.encoding.batches import on_host
    from d2b_ray.encoding.folds import splits_of

    if problem.search.refine:
        raise FitError("search.refine is not himalaya's; set it to 0 for solver himalaya")
    backend = set_backend("torch_cuda" if problem.device.startswith("cuda") else "torch")
    x = np.asarray(problem.train - problem.train.mean(0), np.float32)
    parts = [x[:, band.start : band.stop] for band in problem.bands]
    options: dict[str, Any] = {
        "n_iter": problem.search.n_iter, "concentration": list(problem.search.concentration),
        "alphas": problem.alphas, "score_func": correlation_score, "progress_bar": False,
    }  # fmt: skip
    given: dict[str, Any] = {"cv": splits_of(problem.groups), "random_state": problem.search.seed}
    y = np.array(on_host(problem.response), np.float32)
    if x.shape[0] >= x.shape[1]:
        model = GroupRidgeCV(
            groups="input",
            fit_intercept=problem.intercept,
            solver_params=options | {"warn": False},
            **given,
        ).fit(parts, y)
        coef = backend.to_numpy(model.coef_)
    else:
        kernels = np.stack([part @ part.T for part in parts])
        model = MultipleKernelRidgeCV(
            kernels="precomputed",
            solver="random_search",
            fit_intercept=problem.intercept,
            solver_params=options,
            **given,
        ).fit(kernels, y)
        weights = np.exp(backend.to_numpy(model.deltas_))
        dual = backend.to_numpy(model.dual_coef_)
        coef = np.concatenate(
            [part.T @ dual * weight for part, weight in zip(parts, weights, strict=True)]
        )
    deltas = np.asarray(backend.to_numpy(model.deltas_), np.float64)
    share = np.exp(deltas - deltas.max(0))
    alpha = 1 / np.exp(deltas).sum(0)  # the gammas add up to 1
    history = np.asarray(backend.to_numpy(model.cv_scores_), np.float32)
    return BandedSolution(
        alpha=alpha,
        gamma=share / share.sum(0),
        cv_r=history.max(0),
        coef=np.ascontiguousarray(coef, np.float32),
        history=history,
    )


SOLVER = Solver(solve=solve, flops=reference_flops)
