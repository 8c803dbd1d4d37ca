"""The t-test of a correlation of two autocorrelated series, with effective degrees of freedom.

A closed form, beside the permutation null: it costs a Fourier transform a series, and assumes
stationary, roughly normal series much longer than what they remember.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtr

from d2b_ray.errors import FitError
from d2b_ray.significance.autocorrelation import autocorrelation
from d2b_ray.significance.tiles import alike, centred, tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import Array

__all__ = ["parametric_p"]

LAGS = 5  # lags up to a fifth of the series, as Pyper & Peterman advise
LEAST_SAMPLES = 3  # a correlation of fewer has no degree of freedom


def parametric_p(
    prediction: Array, response: Array, *, max_lag_trs: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One-sided p-values of correlations r > 0, and the degrees of freedom they were found with.

    1/N* = 1/N + 2/N sum_{k=1..K} (N - k)/N rho_x(k) rho_y(k), N* held within [3, N];
    t = r sqrt((N* - 2) / (1 - r^2)); p = P(Student's t with N* - 2 degrees of freedom >= t).

    `prediction`, `response` (N, V); `max_lag_trs` K in TRs, N/5 if not given, 0 for the common
    t-test (N* = N). Lags beyond the memory of the series add noise to N*, lags short of it leave
    N* too large. Neighbouring runs are taken for one series. Returns p (V,) and N* - 2 (V,), both
    float64; p is 1 where one of the two is constant. Raises FitError for other shapes, lags of N or
    more and values that are not finite.

    Bartlett (1935, J. R. Stat. Soc. 98:536); Pyper & Peterman (1998, Can. J. Fish. Aquat. Sci.
    55:2127), whose estimate of the autocorrelation is used (`autocorrelation`).
    """
    samples, voxels = alike(prediction=prediction, response=response)
    if samples < LEAST_SAMPLES:
        raise FitError(f"a correlation of {samples} samples has no p-value; {LEAST_SAMPLES} needed")
    lags = samples // LAGS if max_lag_trs is None else max_lag_trs
    if not 0 <= lags < samples:
        raise FitError(f"max_lag_trs is {lags}; must be 0 to {samples - 1}, less than the series")
    p, dof = np.empty(voxels), np.empty(voxels)
    for columns in tiles(voxels):
        x = centred(prediction, columns, "prediction")
        y = centred(response, columns, "response")
        tile_p, tile_dof = _tested(x, y, lags)
        width = columns.stop - columns.start
        p[columns], dof[columns] = tile_p[:width], tile_dof[:width]
    return p, dof


def _tested(
    x: NDArray[np.float64], y: NDArray[np.float64], lags: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """p and degrees of freedom of a tile of series of unit norm, (LANES,) each."""
    samples = len(x)
    r = np.clip((x * y).sum(0), -1, 1)
    weights = 1 - np.arange(1, lags + 1) / samples  # (N - k) / N
    shared = autocorrelation(x, lags)[1:] * autocorrelation(y, lags)[1:]  # (K, LANES)
    inverse = (1 + 2 * (weights[:, None] * shared).sum(0)) / samples
    effective = 1 / np.clip(inverse, 1 / samples, 1 / LEAST_SAMPLES)
    dof = np.clip(effective, LEAST_SAMPLES, samples) - 2
    left = 1 - r * r
    t = r * np.sqrt(dof / np.where(left > 0, left, 1))
    t = np.where(left > 0, t, np.copysign(np.inf, r))  # a perfect correlation
    constant = ~(x.any(0) & y.any(0))
    return np.where(constant, 1.0, stdtr(dof, -t)), dof
