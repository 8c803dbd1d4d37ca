"""Stationary series with a memory, for simulations."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

__all__ = ["ar1", "within_binomial"]

SETTLING = 200  # samples thrown away, after which the start is forgotten


def ar1(samples, voxels, memory, rng):
    """x_t = memory x_{t-1} + noise, of variance 1, (samples, voxels) float64."""
    noise = rng.standard_normal((samples + SETTLING, voxels))
    return lfilter([np.sqrt(1 - memory**2)], [1, -memory], noise, axis=0)[SETTLING:]


def within_binomial(rate, expected, count, deviations=4):
    """Is a rate found in `count` cases within so many standard errors of what is expected?"""
    return abs(rate - expected) <= deviations * np.sqrt(expected * (1 - expected) / count)
