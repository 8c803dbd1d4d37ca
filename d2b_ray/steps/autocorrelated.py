"""How much predictions and responses remember, of some voxels of a fit: what a reader judges blocks by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from d2b_ray.arrays import Array

__all__ = ["autocorrelated", "sampled_columns"]

LOOKS = 8  # places, evenly over the voxels
WIDTH = 16  # voxels of each
LAGS = 60  # TRs that are told


def sampled_columns(voxels: int) -> list[slice]:
    """Up to LOOKS slices of WIDTH of `voxels` columns."""
    if voxels <= LOOKS * WIDTH:
        return [slice(0, voxels)]
    starts = np.linspace(0, voxels - WIDTH, LOOKS).astype(int).tolist()
    return [slice(start, start + WIDTH) for start in starts]


def autocorrelated(prediction: Array, response: Array) -> dict[str, Any]:
    """Of series (N, v) of the sampled columns: `lags` a(k) b(k) from k = 1 TR on, `effective_samples` N*,
    both medians over `voxels` (`significance.memory.shared_lags`)."""
    from d2b_ray.significance.memory import shared_lags

    x, y = (np.asarray(one, np.float64) for one in (prediction, response))
    lags, effective = shared_lags(x - x.mean(0), y - y.mean(0), LAGS)
    return {
        "voxels": x.shape[1],
        "lags": [round(float(value), 6) for value in lags],
        "effective_samples": round(effective, 3),
    }
