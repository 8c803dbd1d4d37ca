"""Autocorrelation of series, by the Fourier transform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["autocorrelation"]


def autocorrelation(series: NDArray[np.float64], max_lag_trs: int) -> NDArray[np.float64]:
    """rho(k) = N / (N - k) sum_t x_t x_{t+k} / sum_t x_t^2, for lags k = 0 to K.

    `series` (N, v), centred; K = `max_lag_trs` in TRs, less than N. Returns (K + 1, v); zero for a
    series of zeros. By the Fourier transform of the series with K zeros appended.
    """
    samples = len(series)
    size = next_fast_len(samples + max_lag_trs, real=True)
    power = np.abs(rfft(np.ascontiguousarray(series.T), size)) ** 2  # (v, size // 2 + 1)
    products = irfft(power, size)[:, : max_lag_trs + 1].T
    square = products[:1]
    rho: NDArray[np.float64] = np.divide(
        products, square, out=np.zeros(products.shape), where=square > 0
    )
    rho *= (samples / (samples - np.arange(max_lag_trs + 1)))[:, None]
    return rho
