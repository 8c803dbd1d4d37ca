"""`solver: himalaya`: the same fit by the reference library (Dupré la Tour et al., NeuroImage 2022).

Slow, and the second opinion that the fast solvers are tested against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.encoding.banded import BandedSolution
from d2b_ray.encoding.folds import folds_of
from d2b_ray.encoding.solvers import Solution
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Band, FloatArray, IntArray
    from d2b_ray.encoding.search import Search

__all__ = ["solve_banded_by_himalaya", "solve_by_himalaya"]

ALPHAS_BATCH = 5


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
    cv = _splits(groups)
    x = np.asarray(train - train.mean(0), np.float32)
    y = np.array(response, np.float32)
    primal = x.shape[0] >= x.shape[1]
    # all alphas at once would hold as many copies of the predictions; the answer is the same
    solver_params: dict[str, Any] = {
        "score_func": correlation_score,
        "n_alphas_batch": ALPHAS_BATCH,
    }
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


def solve_banded_by_himalaya(
    train: FloatArray,
    response: FloatArray,
    groups: IntArray,
    bands: Sequence[Band],
    alphas: NDArray[np.float64],
    search: Search,
    device: str,
) -> BandedSolution:
    """himalaya's `GroupRidgeCV` (n >= p) or `MultipleKernelRidgeCV`, by random search, in float32.

    Arguments as in `search_bands`; its refinement is ours alone and is refused.
    """
    from himalaya.backend import set_backend
    from himalaya.kernel_ridge import MultipleKernelRidgeCV
    from himalaya.ridge import GroupRidgeCV
    from himalaya.scoring import correlation_score

    if search.refine:
        raise FitError("search.refine is not himalaya's; set it to 0 for solver himalaya")
    backend = set_backend("torch_cuda" if device.startswith("cuda") else "torch")
    x = np.asarray(train - train.mean(0), np.float32)
    parts = [x[:, band.start : band.stop] for band in bands]
    options: dict[str, Any] = {
        "n_iter": search.n_iter,
        "concentration": list(search.concentration),
        "alphas": alphas,
        "score_func": correlation_score,
        "progress_bar": False,
    }
    given: dict[str, Any] = {"cv": _splits(groups), "random_state": search.seed}
    y = np.array(response, np.float32)
    if x.shape[0] >= x.shape[1]:
        model = GroupRidgeCV(
            groups="input", fit_intercept=False, solver_params=options | {"warn": False}, **given
        ).fit(parts, y)
        coef = backend.to_numpy(model.coef_)
    else:
        kernels = np.stack([part @ part.T for part in parts])
        model = MultipleKernelRidgeCV(
            kernels="precomputed", solver="random_search", solver_params=options, **given
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


def _splits(groups: IntArray) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Training and held-out rows of each fold, as himalaya takes them."""
    everything = np.arange(len(groups))
    return [
        (
            np.concatenate([everything[: f.start], everything[f.stop :]]),
            everything[f.start : f.stop],
        )
        for f in folds_of(groups)
    ]
