"""The block-permutation null against himalaya's `correlation_score` a permutation, on one core."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from himalaya.backend import set_backend
from himalaya.scoring import correlation_score
from turns import machine, product_rates, spread

from d2b_ray.significance import block_null, block_orders, row_orders

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Barrier

Seconds = TypeVar("Seconds", float, list[float])
REFERENCE = 20  # permutations that himalaya is timed on: its time is proportional to their number
ORDER = 2048  # of the matrices that the peak is measured with
_together: Barrier | None = None


def series(samples: int, voxels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A response, and a prediction that knows something of it."""
    rng = np.random.default_rng(seed)
    response = rng.standard_normal((samples, voxels), np.float32)
    return response + 5 * rng.standard_normal((samples, voxels), np.float32), response


def ours(shape: tuple[int, int, int, int], seed: int = 0) -> list[float]:
    """Seconds of all permutations, five times at least, for two seconds; all of a null unit is in them."""
    samples, voxels, permutations, block = shape
    prediction, response = series(samples, voxels, seed)
    options = {"start": 0, "seed": 1, "block_trs": block}
    block_null(prediction[:, :32], response[:, :32], stop=permutations, **options)  # compiled now
    if _together is not None:
        _together.wait()
    taken: list[float] = []
    while sum(taken) < 2 or len(taken) < 5:
        began = time.perf_counter()
        block_null(prediction, response, stop=permutations, **options)
        taken.append(time.perf_counter() - began)
    return taken


def begin_together(barrier: Barrier) -> None:
    """Makes `ours` of this worker wait for the other one."""
    global _together
    _together = barrier


def workers(
    act: Callable[[tuple[int, int, int, int], int], Seconds],
    shape: tuple[int, int, int, int],
    n: int,
) -> list[Seconds]:
    """Seconds of `act` in each of n processes at the same time."""
    barrier = multiprocessing.Barrier(n)
    with ProcessPoolExecutor(n, initializer=begin_together, initargs=(barrier,)) as pool:
        return list(pool.map(act, [shape] * n, range(n)))


def himalaya_seconds(shape: tuple[int, int, int, int]) -> tuple[float, str]:
    """Seconds of one permutation as drama2brain does it, with the faster backend, and its name."""
    samples, voxels, _, block = shape
    prediction, response = series(samples, voxels, 0)
    rows = row_orders(block_orders(samples, block, 0, REFERENCE, seed=1), samples, block)
    found = {}
    for name in ("numpy", "torch"):
        backend = set_backend(name)
        one, other = backend.asarray(prediction), backend.asarray(response)
        correlation_score(other[rows[0]], one)
        began = time.perf_counter()
        for own in rows:
            correlation_score(other[own], one)
        found[name] = (time.perf_counter() - began) / REFERENCE
    best = min(found, key=found.__getitem__)
    return found[best], best


def product(shape: tuple[int, int, int, int], seed: int = 0) -> float:
    """Seconds of a large matrix product on one core: what the machine can do, alone and in twos."""
    torch.set_num_threads(1)
    a = torch.randn(ORDER, ORDER)
    a @ a
    if _together is not None:
        _together.wait()
    began = time.perf_counter()
    for _ in range(6):
        a @ a
    return (time.perf_counter() - began) / 6


def in_tasks(shape: tuple[int, int, int, int], seed: int = 0) -> tuple[float, float]:
    """CPU of four tasks, a quarter of the voxels each, over that of one; extra memory over an input."""
    samples, voxels, permutations, block = shape
    prediction, response = series(samples, voxels, seed)
    options = {"start": 0, "seed": 1, "block_trs": block, "corrected": True}
    block_null(prediction[:, :32], response[:, :32], stop=permutations, **options)  # compiled now
    Path("/proc/self/clear_refs").write_text("5")  # the largest resident size is that of now
    before = resident_kb()
    began = time.process_time()
    block_null(prediction, response, stop=permutations, **options)
    whole = time.process_time() - began
    extra = 1e3 * (resident_kb() - before) / response.nbytes
    edges = np.linspace(0, voxels, 5, dtype=int)
    began = time.process_time()
    for first, end in pairwise(edges):
        block_null(prediction[:, first:end], response[:, first:end], stop=permutations, **options)
    return (time.process_time() - began) / whole, extra


def resident_kb() -> int:
    """Largest resident size of this process since it was last reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def peak_memory_mb(shape: tuple[int, int, int, int]) -> float:
    """Largest resident memory of a process of its own that does this."""
    command = [sys.executable, __file__, "--memory", *map(str, shape)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=7000)
    parser.add_argument("--voxels", type=int, default=2000)
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--block", type=int, default=10)
    parser.add_argument("--memory", type=int, nargs=4, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.memory:
        import resource

        ours(tuple(wanted.memory))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
        return
    shape = (wanted.samples, wanted.voxels, wanted.permutations, wanted.block)
    torch.set_num_threads(1)
    before = product_rates()
    (taken,) = workers(ours, shape, 1)
    seconds = median(taken)
    reference, backend = himalaya_seconds(shape)
    both = workers(ours, shape, 2)
    (alone,) = workers(product, shape, 1)
    peak = ORDER**3 / alone  # multiply-adds a second
    rate = wanted.voxels * wanted.permutations / seconds
    four, extra = in_tasks(shape)
    small = (wanted.samples, 64, 2048, wanted.block)
    many = (wanted.samples, 64, 20480, wanted.block)
    del wanted.memory
    print(
        json.dumps(
            {
                "bench": "permutation",
                "machine": machine(),
                "shape": vars(wanted),
                **spread(taken),
                "gflops": [before, product_rates()],
                "voxel_permutations_per_second": round(rate),
                "peer_seconds": round(reference * wanted.permutations, 1),
                "peer": f"himalaya, {backend}",
                "peer_timed_permutations": REFERENCE,
                "ratio": round(reference * wanted.permutations / seconds, 1),
                "share_of_peak": round(rate * wanted.samples / peak, 3),
                "two_workers": round(2 * seconds / max(map(median, both)), 2),
                "two_matrix_products": round(2 * alone / max(workers(product, shape, 2)), 2),
                "four_tasks_over_one": round(four, 3),
                "extra_memory_over_input": round(extra, 3),
                "peak_mb_2048_and_20480_permutations": [
                    round(peak_memory_mb(small)), round(peak_memory_mb(many)),
                ],
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
