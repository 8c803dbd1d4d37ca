"""How often is noise called significant? Autocorrelation x test, as the table of scripts/calibration.md."""

from __future__ import annotations

import argparse

import numpy as np
from scipy.signal import lfilter

from d2b_ray.encoding import correlation
from d2b_ray.significance import block_null, p_values, score_difference, swap_null
from d2b_ray.significance.bootstrap import bootstrap_score
from d2b_ray.significance.parametric import parametric_p

MEMORIES = (0.0, 0.3, 0.5, 0.7, 0.9, 0.95)
BLOCKS = (1, 5, 10, 20, 50, 100, 200)
CORRECTED = (10, 100)  # 100 is what `auto` takes of 2,000 TRs
LEVEL = 0.05
SETTLING = 500


def noise(samples: int, voxels: int, memory: float, rng: np.random.Generator) -> np.ndarray:
    """x_t = memory x_{t-1} + noise, of variance 1, (samples, voxels)."""
    drawn = rng.standard_normal((samples + SETTLING, voxels))
    return lfilter([np.sqrt(1 - memory**2)], [1, -memory], drawn, axis=0)[SETTLING:]


def rates(wanted: argparse.Namespace, memory: float) -> dict[str, float]:
    """Share of voxels without any effect that each test calls significant."""
    rng = np.random.default_rng([wanted.seed, round(1000 * memory)])
    x, y = (noise(wanted.samples, wanted.voxels, memory, rng) for _ in range(2))
    r = correlation(x, y)
    found = {}
    for block in BLOCKS:
        counts = block_null(
            x, y, start=0, stop=wanted.permutations, seed=wanted.seed, block_trs=block
        )
        found[f"block null, blocks of {block} TRs"] = (p_values(counts, r).p <= LEVEL).mean()
    for block in CORRECTED:
        counts = block_null(
            x,
            y,
            start=0,
            stop=wanted.permutations,
            seed=wanted.seed,
            block_trs=block,
            corrected=True,
        )
        name = f"block null, blocks of {block} TRs, corrected"
        found[name] = (p_values(counts, r).p <= LEVEL).mean()
    for name, lags in (("N* = N", 0), ("effective N*", None)):
        p, _ = parametric_p(x, y, max_lag_trs=lags)
        found[f"t-test, {name}"] = (p <= LEVEL).mean()
    for block in (1, 10, 50, 100):
        ends = bootstrap_score(
            x, y, seed=wanted.seed, replicates=wanted.permutations, block_trs=block
        )
        missed = (ends.low > 0) | (ends.high < 0)
        found[f"95 % interval without 0, blocks of {block} TRs"] = missed.mean()
    return found


def comparison_rate(wanted: argparse.Namespace, memory: float) -> dict[str, float]:
    """Share of voxels in which one of two models is called better that are equally bad, blocks as `auto`."""
    rng = np.random.default_rng([wanted.seed, round(1000 * memory), 1])
    one, other, y = (
        noise(wanted.samples, wanted.voxels, memory, rng).astype(np.float32) for _ in range(3)
    )
    block = min(100, max(10, wanted.samples // 12))
    counts = swap_null(
        one, other, y, start=0, stop=wanted.permutations, seed=wanted.seed, block_trs=block
    )
    difference = np.abs(score_difference(one, other, y))
    return {f"comparison, blocks of {block} TRs": (p_values(counts, difference).p <= LEVEL).mean()}


def main() -> None:
    """Simulate and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--voxels", type=int, default=4000)
    parser.add_argument("--permutations", type=int, default=399)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--comparisons", action="store_true", help="of two models, instead")
    wanted = parser.parse_args()
    of = comparison_rate if wanted.comparisons else rates
    columns = [of(wanted, memory) for memory in MEMORIES]
    print("| test | " + " | ".join(f"AR {memory}" for memory in MEMORIES) + " |")
    print("| --- |" + " ---: |" * len(MEMORIES))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(f"{column[name]:.3f}" for column in columns) + " |")


if __name__ == "__main__":
    main()
