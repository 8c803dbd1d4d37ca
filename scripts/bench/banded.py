"""Banded ridge by random search against himalaya's, on the same arrays, in the same process."""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import time
import warnings

import numpy as np
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import MultipleKernelRidgeCV
from himalaya.ridge import GroupRidgeCV
from himalaya.scoring import correlation_score
from ridge import product_seconds
from turns import in_turns, machine

from d2b_ray.encoding import BandedRidgeCV, Search
from d2b_ray.encoding.dirichlet import dirichlet_samples

ALPHAS = np.logspace(-12, 12, 25)


def problem(n: int, bands: int, width: int, voxels: int) -> tuple[np.ndarray, ...]:
    """Bands with a decaying spectrum, of which each voxel uses some."""
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(bands):
        basis = np.linalg.qr(rng.standard_normal((width, width)))[0]
        parts.append(rng.standard_normal((n, width)) * np.arange(1, width + 1) ** -0.5 @ basis)
    y = rng.standard_normal((n, voxels)) * 2
    for part in parts:
        weights = rng.standard_normal((width, voxels)) / np.sqrt(width)
        y += part @ weights * rng.choice([0, 0.5, 2], voxels)
    x = np.concatenate(parts, axis=1)
    return x.astype(np.float32), y.astype(np.float32), np.arange(n) * 4 // n


def reference(
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    widths: list[int],
    candidates: np.ndarray,
    form: str,
) -> tuple[np.ndarray, float]:
    """himalaya's CV scores of every candidate, and its seconds."""
    backend = set_backend("torch")
    cv = [(np.flatnonzero(groups != g), np.flatnonzero(groups == g)) for g in np.unique(groups)]
    edges = np.cumsum([0, *widths])
    began = time.perf_counter()
    x = x - x.mean(0)
    parts = [x[:, a:b] for a, b in itertools.pairwise(edges)]
    options = {
        "n_iter": candidates, "alphas": ALPHAS, "score_func": correlation_score, "progress_bar": False,
        "n_alphas_batch": 5,
    }  # fmt: skip
    if form == "primal":
        model = GroupRidgeCV(
            groups="input", cv=cv, random_state=42, fit_intercept=True,
            solver_params=options | {"warn": False},
        )  # fmt: skip
        model.fit(parts, y)
    else:
        kernels = np.stack([part @ part.T for part in parts])
        model = MultipleKernelRidgeCV(
            kernels="precomputed", solver="random_search", cv=cv, random_state=42,
            fit_intercept=True,
            solver_params=options,
        )  # fmt: skip
        model.fit(kernels, y)
    seconds = time.perf_counter() - began
    return backend.to_numpy(model.cv_scores_), seconds


def gemm_floor(wanted: argparse.Namespace) -> float:
    """Seconds of the float32 products of one search, counted dense, at the rate of this run.

    A candidate and fold: two projections (or one, and A'Y, in the kernel form) and one product of
    the held-out rows with the weights for each of the 25 penalties. Eigendecompositions are not counted.
    """
    folds, width = 4, wanted.bands * wanted.width
    held, inner = wanted.n // folds, wanted.n - wanted.n // folds
    order = width if wanted.form == "primal" else inner
    rows = min(held, order)
    square = product_seconds(order, order, wanted.voxels, torch.float32, wanted.device)
    thin = product_seconds(rows, order, wanted.voxels, torch.float32, wanted.device)
    twice = 2 * square if wanted.form == "primal" else square + thin
    return wanted.n_iter * folds * (twice + len(ALPHAS) * thin)


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=4000)
    parser.add_argument("--bands", type=int, default=5)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--voxels", type=int, default=2000)
    parser.add_argument("--n-iter", type=int, default=20)
    parser.add_argument(
        "--reference-iter",
        type=int,
        default=None,
        help="candidates himalaya is timed on; 0: not at all",
    )
    parser.add_argument("--memory-budget-mb", type=int, default=4096, help="of ours")
    parser.add_argument("--form", choices=("primal", "kernel"), default="primal")
    parser.add_argument(
        "--six", action="store_true", help="also the voxels of six subjects at once"
    )
    parser.add_argument("--device", default="cpu")
    wanted = parser.parse_args()
    warnings.simplefilter("ignore")
    x, y, groups = problem(wanted.n, wanted.bands, wanted.width, wanted.voxels)
    widths = [wanted.width] * wanted.bands

    def mine(voxels: np.ndarray) -> tuple[BandedRidgeCV, float]:
        began = time.perf_counter()
        model = BandedRidgeCV(
            widths, ALPHAS, search=Search(n_iter=wanted.n_iter), form=wanted.form,
            device=wanted.device, memory_budget_bytes=wanted.memory_budget_mb << 20,
        )  # fmt: skip
        model.fit(x, voxels, groups)
        return model, time.perf_counter() - began

    if wanted.reference_iter == 0:
        _, seconds = mine(y)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        line = {
            "bench": "banded",
            "shape": vars(wanted),
            "seconds": round(seconds, 2),
            "peak_gb": round(memory, 2),
        }
        print(json.dumps(line))
        return
    some = wanted.reference_iter or wanted.n_iter
    candidates = dirichlet_samples(wanted.n_iter, wanted.bands)[:some]
    memory = 0.0  # of ours, before the peer's is taken

    def ours() -> BandedRidgeCV:
        nonlocal memory
        model, _ = mine(y)
        memory = memory or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        return model

    model, (scores, reference_seconds), figures = in_turns(
        ours, lambda: reference(x, y, groups, widths, candidates, wanted.form), device=wanted.device
    )
    floor = gemm_floor(wanted)
    six = mine(np.tile(y, (1, 6)))[1] if wanted.six else None
    seconds = figures["seconds"]
    reference_seconds *= wanted.n_iter / some
    spoken = {k: v for k, v in figures.items() if k not in ("peer_seconds", "ratio")}
    print(
        json.dumps(
            {
                "bench": "banded",
                "machine": machine(),
                "shape": vars(wanted),
                **spoken,
                "himalaya_seconds": round(reference_seconds, 2),
                "ratio": round(reference_seconds / seconds, 1),
                "six_subjects_seconds": six and round(six, 2),
                "six_subjects_ratio": six and round(6 * reference_seconds / six, 1),
                "cv_score_max_difference": float(
                    np.abs(model.search_scores_[:some] - scores[:some]).max()
                ),
                "gemm_floor_seconds": round(floor, 2),
                "share_of_floor": round(floor / seconds, 3),
                "six_subjects_per_six_floors": six and round(six / (6 * floor), 3),
                "peak_memory_gb": round(memory, 2),
                "threads": torch.get_num_threads(),
            }
        )
    )


if __name__ == "__main__":
    main()
