"""The fold-Gram ridge (or kernel ridge) against himalaya's on the same arrays, in the same process."""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV
from himalaya.scoring import correlation_score
from turns import in_turns, machine, timed

from d2b_ray.encoding import factorize
from d2b_ray.encoding.fit import solve
from d2b_ray.encoding.folds import splits_of
from d2b_ray.encoding.outcome import as_array
from d2b_ray.encoding.solvers.himalaya import ALPHAS_BATCH

if TYPE_CHECKING:
    from d2b_ray.catalog.solvers import Solution

SUBJECTS = 6


def problem(n: int, p: int, voxels: int, folds: int) -> tuple[np.ndarray, ...]:
    """Features with a decaying spectrum and autocorrelation, responses of signal and noise."""
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, p + 1) ** -0.5
    x = rng.standard_normal((n, p)) * spectrum @ np.linalg.qr(rng.standard_normal((p, p)))[0]
    x[1:] += 0.7 * x[:-1]
    weights = rng.standard_normal((p, voxels)) / np.sqrt(p)
    noise = rng.standard_normal((n, voxels)) * rng.uniform(0.2, 5, voxels)
    y = x @ weights + noise
    return x.astype(np.float32), y.astype(np.float32), np.arange(n) * folds // n


def product_seconds(m: int, k: int, voxels: int, dtype: torch.dtype, device: str) -> float:
    """Seconds of one (m, k) @ (k, voxels) product, mean of five."""
    left = torch.randn(m, k, dtype=dtype, device=device)
    right = torch.randn(k, voxels, dtype=dtype, device=device)
    left @ right
    if device != "cpu":
        torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(5):
        left @ right
    if device != "cpu":
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / 5


def gemm_floor(wanted: argparse.Namespace) -> float:
    """Seconds of the matrix products of one fit, counted dense, at the float32 rate of this run.

    Primal: X'Y, two projections a fold and the refit (n p V + (2 folds + 1) p^2 V), M S for every
    fold and penalty (folds alphas p^2 V): none saved by saturation or pairs of eigenvalues.
    Dual: n_train for p in the projections, n_held n_train V a penalty, the refit 2 n^2 V + n p V.
    The factorization is not counted.
    """
    n, p, voxels, folds = wanted.n, wanted.p, wanted.voxels, wanted.folds
    if wanted.solver == "ridge":
        square = product_seconds(p, p, voxels, torch.float32, wanted.device)
        return (n / p + 2 * folds + 1 + folds * wanted.alphas) * square
    inner, held = n - n // folds, n // folds
    square = product_seconds(inner, inner, voxels, torch.float32, wanted.device)
    thin = product_seconds(held, inner, voxels, torch.float32, wanted.device)
    refit = 2 * product_seconds(n, n, voxels, torch.float32, wanted.device)
    back = product_seconds(p, n, voxels, torch.float32, wanted.device)
    return folds * (square + (1 + wanted.alphas) * thin) + refit + back


def six_subjects(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray, alphas: np.ndarray, wanted: argparse.Namespace
) -> float:
    """Seconds of one factorization and six subjects' fits on it."""
    began = time.perf_counter()
    shared = factorize(x, groups, solver=wanted.solver, device=wanted.device)
    for _ in range(SUBJECTS):
        solve(
            x, y, groups, factorization=shared, alphas=alphas, solver=wanted.solver,
            device=wanted.device, memory_budget_bytes=wanted.budget_mb * 10**6,
        )  # fmt: skip
    return time.perf_counter() - began


def exact_cv_scores(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray, alphas: np.ndarray
) -> np.ndarray:
    """Best mean CV score of each voxel, all in float64 by an SVD of the training rows of each fold."""
    x, y = x - x.mean(0, dtype=np.float64), y.astype(np.float64)
    scores = np.zeros((len(alphas), y.shape[1]))
    for group in np.unique(groups):
        held = groups == group
        trained = x[~held] - x[~held].mean(0)  # an intercept a fold
        left, values, right = np.linalg.svd(trained, full_matrices=False)
        keep = values > values[0] * len(x) * np.finfo(np.float64).eps
        project = left.T[keep] @ (y[~held] - y[~held].mean(0))
        rows = (x[held] - x[held].mean(0)) @ right[keep].T
        response = y[held] - y[held].mean(0)
        for number, alpha in enumerate(alphas):
            shrunk = (values[keep] / (values[keep] ** 2 + alpha))[:, None] * project
            prediction = rows @ shrunk
            norm = np.linalg.norm(prediction, axis=0) * np.linalg.norm(response, axis=0)
            scores[number] += (prediction * response).sum(0) / norm
    return scores.max(0) / len(np.unique(groups))


def peer_in_float64(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray, alphas: np.ndarray
) -> tuple[np.ndarray, float]:
    """CV scores and seconds of himalaya's `KernelRidgeCV` in float64, whose kernel is as exact as ours."""
    set_backend("torch")
    x = x.astype(np.float64)
    model = KernelRidgeCV(
        alphas=alphas, kernel="linear", cv=splits_of(groups), fit_intercept=True,
        solver_params={"score_func": correlation_score, "n_alphas_batch": ALPHAS_BATCH},
    )  # fmt: skip
    _, seconds = timed(lambda: model.fit(x - x.mean(0), y.astype(np.float64)).get_primal_coef())
    return np.asarray(model.cv_scores_), seconds


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--solver", choices=("ridge", "kernel_ridge"), default="ridge")
    parser.add_argument("--n", type=int, default=8000)
    parser.add_argument("--p", type=int, default=512)
    parser.add_argument("--voxels", type=int, default=6000)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--alphas", type=int, default=25)
    parser.add_argument(
        "--reference-voxels", type=int, default=None, help="himalaya is timed on these"
    )
    parser.add_argument(
        "--exact-voxels", type=int, default=100, help="both are compared with float64 on these"
    )
    parser.add_argument(
        "--peer-float64", action="store_true", help="himalaya's kernel ridge in float64, too"
    )
    parser.add_argument("--budget-mb", type=int, default=2000)
    parser.add_argument("--device", default="cpu")
    wanted = parser.parse_args()
    x, y, groups = problem(wanted.n, wanted.p, wanted.voxels, wanted.folds)
    alphas = np.logspace(-12, 12, wanted.alphas)

    measured = wanted.reference_voxels or wanted.voxels

    def found_by(solver: str, voxels: int) -> Solution:
        return solve(
            x, y[:, :voxels], groups, factorization=None, alphas=alphas, solver=solver,
            device=wanted.device, memory_budget_bytes=wanted.budget_mb * 10**6,
        )[0]  # fmt: skip

    found_by(wanted.solver, 256)  # threads and libraries are warm for both
    mine, theirs, figures = in_turns(
        lambda: found_by(wanted.solver, wanted.voxels),
        lambda: found_by("himalaya", measured),
        device=wanted.device,
    )
    seconds = figures["seconds"]
    six = six_subjects(x, y, groups, alphas, wanted)
    floor = gemm_floor(wanted)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    exact = exact_cv_scores(x, y[:, : wanted.exact_voxels], groups, alphas)
    doubled = {}
    if wanted.peer_float64:
        scores, taken = peer_in_float64(x, y[:, :measured], groups, alphas)
        doubled = {
            "peer_float64_seconds": round(taken, 3),
            "ratio_float64": round(taken / seconds, 1),
            "cv_score_error_float64_himalaya_float64": float(
                np.abs(scores[: wanted.exact_voxels] - exact).max()
            ),
        }
    del wanted.peer_float64  # the shape is the same
    same = np.isclose(mine.alpha[:measured], theirs.alpha, rtol=1e-3, atol=0)
    difference = np.abs(mine.cv_r[:measured] - theirs.cv_r)
    tied = difference < 1e-6  # both best: the scores differ by rounding
    coef = as_array(mine.coef)[:, :measured][:, same]
    reference_coef = as_array(theirs.coef)[:, same]
    scale = np.abs(reference_coef).max()
    print(
        json.dumps(
            {
                "bench": wanted.solver,
                "shape": vars(wanted),
                **figures,
                "peer": "himalaya",
                "alphas_equal": round(float(same.mean()), 6),
                "alphas_equal_or_tied": round(float((same | tied).mean()), 6),
                "cv_score_max_difference": float(difference.max()),
                "cv_score_error_float64": float(
                    np.abs(mine.cv_r[: wanted.exact_voxels] - exact).max()
                ),
                "cv_score_error_float64_himalaya": float(
                    np.abs(theirs.cv_r[: wanted.exact_voxels] - exact).max()
                ),
                "coef_max_difference_relative": float(np.abs(coef - reference_coef).max() / scale),
                "gemm_floor_seconds": round(floor, 3),
                "share_of_floor": round(floor / seconds, 3),
                "six_subjects_seconds": round(six, 3),
                "six_subjects_per_six_floors": round(six / (SUBJECTS * floor), 3),
                "peak_memory_gb": round(memory, 2),
                "threads": torch.get_num_threads(),
                "machine": machine(),
                **doubled,
            }
        )
    )


if __name__ == "__main__":
    main()
