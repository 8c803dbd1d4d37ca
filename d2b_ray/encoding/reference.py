"""`solver: himalaya`: the same fit by the reference library (Dupré la Tour et al., NeuroImage 2022).

Slow, and the second opinion that the fast solvers are tested against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.encoding.folds import folds_of
from d2b_ray.encoding.solvers import Solution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray, IntArray

__all__ = ["solve_by_himalaya"]


def solve_by_himalaya(
    train: FloatArray,
    response: FloatArray,
    groups: IntArray,
    alphas: NDArray[np.float64],
    device: str,
) -> Solution:
    """himalaya's `RidgeCV` (n >= p) or `KernelRidgeCV`, in float32, as drama2brain calls them.

    `train` (n, p) not centred, `response` (n, V), `groups` (n,) non-decreasing, `alphas` (A,).
    """
    from himalaya.backend import set_backend
    from himalaya.kernel_ridge import KernelRidgeCV
    from himalaya.ridge import RidgeCV
    from himalaya.scoring import correlation_score

    backend = set_backend("torch_cuda" if device.startswith("cuda") else "torch")
    everything = np.arange(len(train))
    cv = [
        (
            np.concatenate([everything[: f.start], everything[f.stop :]]),
            everything[f.start : f.stop],
        )
        for f in folds_of(groups)
    ]
    x = np.asarray(train - train.mean(0), np.float32)
    y = np.array(response, np.float32)
    primal = x.shape[0] >= x.shape[1]
    solver_params: dict[str, Any] = {"score_func": correlation_score}
    if primal:
        model = RidgeCV(alphas=alphas, cv=cv, fit_intercept=False, solver_params=solver_params)
    else:
        model = KernelRidgeCV(
            alphas=alphas, kernel="linear", cv=cv, fit_intercept=False, solver_params=solver_params
        )
    model.fit(x, y)
    coef = model.coef_ if primal else model.get_primal_coef()
    return Solution(
        alpha=np.asarray(backend.to_numpy(model.best_alphas_), np.float64),
        cv_r=np.asarray(backend.to_numpy(model.cv_scores_), np.float32),
        coef=np.ascontiguousarray(backend.to_numpy(coef), np.float32),
    )
