"""Stacking: feature spaces fitted each alone, and joined by weights that predict held-out rows best.

For a voxel with held-out predictions p_k of K fits (each row by models that never saw its group),

    w = argmin |y - sum_k w_k p_k|^2   with w_k >= 0 and sum_k w_k = 1,

which, as the weights add up to 1, is argmin w' E w with E_kl = (y - p_k)'(y - p_l). Wolpert (1992);
Breiman (1996); of brain responses Lin, Naselaris, Kay & Wehbe (2023).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray

__all__ = ["MOST_SPACES", "error_products", "simplex_weights"]

MOST_SPACES = 10  # every subset is solved: 1,023 of them
RIDGE = 1e-10  # of the mean squared error, so that two equal fits share their weight


def error_products(response: FloatArray, held_out: Sequence[FloatArray]) -> NDArray[np.float64]:
    """E (V, K, K): products of the errors of K held-out predictions (n, V) of `response` (n, V), float64."""
    errors = [np.asarray(response, np.float64) - one for one in held_out]
    found = np.empty((response.shape[1], len(errors), len(errors)))
    for k, one in enumerate(errors):
        for other in range(k + 1):
            found[:, k, other] = found[:, other, k] = np.einsum("nv,nv->v", one, errors[other])
    return found


def simplex_weights(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """argmin of w'Ew over w >= 0, sum w = 1, for each E of (V, K, K); returns (V, K) float64.

    Exact: of every subset of spaces the best weights that add up to 1 are E^-1 1 / (1'E^-1 1); the best
    subset that needs no negative weight is the answer. FitError for more than 10 spaces.
    """
    voxels, spaces, _ = products.shape
    if spaces > MOST_SPACES:
        raise FitError(f"stacking joins {MOST_SPACES} feature spaces at most; got {spaces}")
    scale = np.trace(products, axis1=1, axis2=2) / spaces
    steady = products + (RIDGE * scale + np.finfo(float).tiny)[:, None, None] * np.eye(spaces)
    best = np.full(voxels, np.inf)
    weights = np.zeros((voxels, spaces))
    for size in range(1, spaces + 1):
        for chosen in combinations(range(spaces), size):
            part = steady[:, chosen][:, :, chosen]
            solved = np.linalg.solve(part, np.ones((voxels, size, 1)))[:, :, 0]
            own = solved / solved.sum(1, keepdims=True)
            cost = np.einsum("vk,vkl,vl->v", own, part, own)
            better = (own >= 0).all(1) & (cost < best)
            best[better] = cost[better]
            weights[better] = 0
            weights[np.ix_(better, chosen)] = own[better]
    return weights
