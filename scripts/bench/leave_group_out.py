"""Which way of cross-validating kernel ridge is faster? Sub-blocks of one kernel, or one eigendecomposition.

The second way: with H_a = U diag(l / (l + a)) U' the residuals of a held-out group are
(I - H_a)_gg^-1 (y - H_a y)_g. It saves an eigendecomposition a fold, and pays a solve and a product
over all rows for every penalty. One JSON line with the seconds of both, and their disagreement.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch
from ridge import problem

from d2b_ray.encoding import KernelRidgeCV, correlation
from d2b_ray.encoding.folds import folds_of


def leave_group_out(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray, alphas: np.ndarray
) -> np.ndarray:
    """CV scores (A, V) from one eigendecomposition, float64."""
    rows = torch.from_numpy(x - x.mean(0)).double()
    values, vectors = torch.linalg.eigh(rows @ rows.T)
    values.clamp_(min=0)
    response = torch.from_numpy(y).double()
    projected = vectors.T @ response
    scores = np.zeros((len(alphas), y.shape[1]))
    folds = folds_of(groups)
    for row, alpha in enumerate(alphas):
        shrink = values / (values + alpha)
        for fold in folds:
            own = vectors[fold.start : fold.stop]
            held = response[fold.start : fold.stop]
            residual = held - (own * shrink) @ projected
            hat = (own * shrink) @ own.T
            left_out = torch.linalg.solve(torch.eye(len(own)).double() - hat, residual)
            scores[row] += correlation((held - left_out).numpy(), held.numpy())
    return scores / len(folds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--p", type=int, default=4000)
    parser.add_argument("--voxels", type=int, default=3000)
    wanted = parser.parse_args()
    x, y, groups = problem(wanted.n, wanted.p, wanted.voxels, 4)
    alphas = np.logspace(-2, 8, 11)  # below, the second way loses all digits
    began = time.perf_counter()
    mine = KernelRidgeCV(alphas, fit_intercept=False).fit(x, y, groups)
    blocks = time.perf_counter() - began
    began = time.perf_counter()
    scores = leave_group_out(x, y, groups, alphas)
    single = time.perf_counter() - began
    print(
        json.dumps(
            {
                "bench": "leave_group_out",
                "shape": vars(wanted),
                "sub_blocks_seconds": round(blocks, 2),
                "one_eigendecomposition_seconds": round(single, 2),
                "cv_score_max_difference": float(np.abs(scores.max(0) - mine.cv_scores_).max()),
            }
        )
    )


if __name__ == "__main__":
    main()
