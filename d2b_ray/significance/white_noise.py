"""The null of white noise, as drama2brain offers it: correlations of series that remember nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import FitError
from d2b_ray.significance.blocks import fixed_blocks
from d2b_ray.significance.kernels import standardized
from d2b_ray.significance.orders import RngName, generator
from d2b_ray.significance.products import observed_r
from d2b_ray.significance.tally import Tally, check_range

if TYPE_CHECKING:
    from d2b_ray.arrays import FloatArray, NullCounts

__all__ = ["noise_null", "white_noise"]

GAUSS_SERIES = 400


def noise_null(
    prediction: FloatArray,
    response: FloatArray,
    *,
    start: int,
    stop: int,
    seed: int,
    rng: RngName = "philox",
    observed: FloatArray | None = None,
) -> NullCounts:
    """Counts of draws `start` to `stop`: each voxel against the correlations of all (`white_noise`).

    Arguments and errors as in `block_null`.
    """
    check_range(prediction, response, start, stop)
    samples, voxels = prediction.shape
    if observed is None:
        fixed, moved = standardized(prediction), standardized(response)
        observed = observed_r(fixed, moved, fixed_blocks(samples, 1, None), voxels)
    tally = Tally(observed, pooled=True)
    tally.add(slice(0, voxels), white_noise(voxels, samples, start, stop, seed=seed, rng=rng))
    return tally.counts(start)


def white_noise(
    voxels: int, samples: int, start: int, stop: int, *, seed: int, rng: RngName
) -> FloatArray:
    """Correlations of white noise: 400 x 400 pairs of series, the first `voxels` of them, a row each.

    Returns (stop - start, voxels) float32. `legacy` draws two (400, samples) arrays from
    `numpy.random.RandomState(seed)`, as drama2brain does.
    """
    if voxels > GAUSS_SERIES**2:
        raise FitError(
            f"test gauss gives {GAUSS_SERIES**2} null values, fewer than {voxels} voxels; "
            "use test block"
        )
    rows = []
    state = np.random.RandomState(seed)
    for index in range(stop):
        if rng == "legacy":
            one, other = (state.normal(size=(GAUSS_SERIES, samples)) for _ in range(2))
        elif index >= start:
            draw = generator(seed, index)
            one, other = (draw.standard_normal((GAUSS_SERIES, samples)) for _ in range(2))
        if index >= start:
            one, other = (
                (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True) for x in (one, other)
            )
            rows.append((other @ one.T / samples).reshape(-1)[:voxels])
    return np.stack(rows).astype(np.float32)
