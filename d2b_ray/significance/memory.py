"""What the autocorrelation of two series does to their correlation, and how much of it shuffled blocks keep.

The variance of the correlation r of two unrelated series of N samples with autocorrelations a and b is

    N Var(r) = 1 + 2 sum_{k=1..K} (1 - k/N) a(k) b(k)          (Bartlett 1935, J. R. Stat. Soc. 98:536)

Blocks of L samples in another order keep of it the lags within a block (Künsch 1989, Ann. Statist. 17:1217):

    N Var(null) = 1 + 2 sum_{k=1..L-1} (1 - k/L) a(k) b(k)

so that a null of blocks that are short for slow series is too narrow, by the root of their ratio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.significance.autocorrelation import autocorrelation

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LAGS", "shared_lags", "spread"]

LAGS = 0.75  # of the series: with fewer, slow features keep too much (scripts/calibration.md)
LEAST = 0.2  # of N Var(null), which noise in the autocorrelations may bring near to zero, or below


def shared_lags(
    x: NDArray[np.float64], y: NDArray[np.float64], shown: int
) -> tuple[NDArray[np.float64], float]:
    """What two series share of their pasts, for a reader: a(k) b(k), and independent samples N*.

    `x`, `y` (N, v) centred. Returns the median over pairs of a(k) b(k) at lags k = 1 to `shown` (fewer
    where N is short), and the median of N* = 1 / Var(r) (`spread`), at most N. Pairs of which one is
    constant have no say; without any, zeros and N.
    """
    samples = len(x)
    lags = max(int(LAGS * samples), min(shown, samples - 1))
    there = x.any(0) & y.any(0)
    shown = min(shown, samples - 1)
    if lags < 1 or not there.any():
        return np.zeros(max(shown, 0)), float(samples)
    x, y = x[:, there], y[:, there]
    shared = (autocorrelation(x, lags) * autocorrelation(y, lags))[1:]
    lag = np.arange(1, lags + 1)[:, None]
    whole = 1 + 2 * ((1 - lag / samples) * shared).sum(0)
    effective = samples / max(float(np.median(whole)), 1.0)
    curve: NDArray[np.float64] = np.median(shared[:shown], axis=1)
    return curve, effective


def spread(x: NDArray[np.float64], y: NDArray[np.float64], block_trs: int) -> NDArray[np.float64]:
    """sqrt(Var(r) / Var(null)) for each pair of series, at least 1: by how much a null is widened.

    `x`, `y` (N, v) centred; `block_trs` L in TRs. Returns (v,). 1 where one of the two is constant.
    The lags are those up to 3 N / 4, by the autocorrelation of neighbouring runs as one series. It is a
    function of each series alone, never of how they go together: the test stays a test.
    """
    samples = len(x)
    lags = int(LAGS * samples)
    if lags < 1:
        return np.ones(x.shape[1])
    shared = (autocorrelation(x, lags) * autocorrelation(y, lags))[1:]
    lag = np.arange(1, lags + 1)[:, None]
    whole = 1 + 2 * ((1 - lag / samples) * shared).sum(0)
    kept = 1 + 2 * (np.clip(1 - lag / block_trs, 0, None) * shared).sum(0)
    ratio: NDArray[np.float64] = np.sqrt(np.maximum(whole / np.maximum(kept, LEAST), 1.0))
    return ratio
