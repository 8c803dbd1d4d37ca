"""What the fits of a design of the paper's size share, against the machine's own syrk and eigh.

The floor is what no way around is known for: the Gram of all rows by BLAS's syrk, an eigendecomposition a
fold and one of all rows by LAPACK as if no thread ever waited, all rows times eigenvectors, and those of each
fold once.
`--delayed` is a design of few independent columns that come again later, and thus of a rank below its width.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np
import scipy.linalg
import torch
from turns import machine, product_rates, spread, timed

from d2b_ray.encoding import factorize
from d2b_ray.thread_pools import thread_pools

DELAYS = 4


def design(n: int, p: int, folds: int, delayed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Columns of a falling spectrum (n, p) and their groups (n,)."""
    rng = np.random.default_rng(0)
    width = p // (2 * DELAYS) if delayed else p
    spectrum = np.arange(1, width + 1) ** -0.5
    x = rng.standard_normal((n, width), np.float32) * spectrum.astype(np.float32)
    if delayed:  # half of the features are sums of others
        x = x @ rng.standard_normal((width, 2 * width), np.float32)
        later = [np.roll(x, delay, 0) for delay in range(DELAYS)]
        x = np.concatenate(later, 1)
    return x, np.arange(n) * folds // n


def floor(x: np.ndarray, folds: int) -> dict[str, float]:
    """Seconds of its parts, each measured here."""
    threads = torch.get_num_threads()
    rows = np.asfortranarray(x - x.mean(0), np.float64)
    gram, syrk = timed(lambda: scipy.linalg.blas.dsyrk(1.0, rows, trans=1))
    gram = np.triu(gram) + np.triu(gram, 1).T
    with thread_pools().limit(limits=1, user_api="blas"):
        _, eigh = timed(lambda: np.linalg.eigh(gram))
    rate = product_rates()["float64"] * 1e9
    p = x.shape[1]
    products = (2.0 * len(x) * p**2 + folds * 2.0 * p**3) / rate
    return {
        "syrk": round(syrk, 2), "eigh_one_thread": round(eigh, 2), "products": round(products, 2),
        "floor": round(syrk + (folds + 1) * eigh / threads + products, 2),
    }  # fmt: skip


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=22262)
    parser.add_argument("--p", type=int, default=4096)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--delayed", action="store_true")
    parser.add_argument("--times", type=int, default=3)
    wanted = parser.parse_args()
    x, groups = design(wanted.n, wanted.p, wanted.folds, wanted.delayed)
    factorize(*design(2000, 64, wanted.folds, wanted.delayed))  # threads and libraries are warm
    before, taken, cpu = product_rates(), [], []
    for _ in range(wanted.times):
        began = time.process_time()
        made, seconds = timed(lambda: factorize(x, groups))
        taken.append(seconds)
        cpu.append(time.process_time() - began)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    parts = floor(x, wanted.folds)
    rows = x.astype(np.float64) - made.mean
    vectors, values = made.full.vectors, made.full.values
    turned = rows.T @ (rows @ vectors)
    error = np.abs(turned - vectors * values).max() / values[-1]
    least = parts.pop("floor")
    del wanted.times  # the shape is the same
    figures = spread(taken)
    print(
        json.dumps(
            {
                "bench": "factorize",
                "machine": machine(),
                "shape": vars(wanted),
                **figures,
                "cpu_seconds": round(sorted(cpu)[len(cpu) // 2], 1),
                "gflops": [before, product_rates()],
                "rank": len(values),
                "eigenvector_error_relative": float(error),
                "parts_of_the_floor": parts,
                "floor_seconds": least,
                "share_of_floor": round(least / figures["seconds"], 3),
                "peak_memory_gb": round(memory, 2),
                "threads": torch.get_num_threads(),
            }
        )
    )


if __name__ == "__main__":
    main()
