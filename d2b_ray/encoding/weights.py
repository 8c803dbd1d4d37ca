"""Principal components of the weights of encoding models over voxels (Huth et al., 2012).

With the weights C (p, V) of all voxels, one column a voxel, of features that are measured in their standard
deviations s (C = diag(s) B of coefficients B: else a band of small numbers would have all the weight), and
their mean m (p,), components are the eigenvectors of C C' / V - m m' of the highest eigenvalues:
directions in feature space along which voxels differ most. The projection of a row x of features on a
component c is ((x - mean x) / s)' c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Array, Band, FloatArray

__all__ = [
    "WeightComponents", "band_shares", "ends_of", "projections", "spread", "weight_components",
]  # fmt: skip

CONSTANT = 1e-6  # of the largest value: float32 rounding


@dataclass(frozen=True, slots=True)
class WeightComponents:
    """`directions` (k, p) of unit length, the largest entry of each positive; `explained` (k,) share of
    the variance over voxels; `voxels` how many columns there were."""

    directions: NDArray[np.float64]
    explained: NDArray[np.float64]
    voxels: int


def weight_components(parts: Iterable[FloatArray], components: int) -> WeightComponents:
    """Components of weights that come in parts (p, v), as of several subjects; in float64.

    Fewer than `components` where the weights have fewer dimensions. FitError for no voxel, or weights that
    do not differ.
    """
    second: NDArray[np.float64] | None = None
    first, count = np.zeros(0), 0
    for part in parts:
        own = part.astype(np.float64)
        if second is None:
            second, first = np.zeros((len(own), len(own))), np.zeros(len(own))
        second += own @ own.T
        first += own.sum(1)
        count += own.shape[1]
    if second is None or count < 2:
        raise FitError(f"components of weights need two voxels or more; there are {count}")
    mean = first / count
    covariance = second / count - np.outer(mean, mean)
    total = float(np.trace(covariance))
    if not total > 0:
        raise FitError("the weights are the same in all voxels: they have no components")
    values, vectors = np.linalg.eigh(covariance)
    kept = min(components, len(values), count - 1)
    directions = vectors[:, ::-1][:, :kept].T
    largest = np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], 1)
    return WeightComponents(
        directions * np.sign(largest), np.maximum(values[::-1][:kept], 0) / total, count
    )


def spread(rows: FloatArray) -> NDArray[np.float64]:
    """Standard deviation (p,) of each feature over rows (n, p); 0 where rounding alone varies."""
    found = rows.std(0, dtype=np.float64)
    constant = found <= CONSTANT * np.abs(rows).max(0, initial=0)
    deviation: NDArray[np.float64] = np.where(constant, 0, found)
    return deviation


def projections(rows: FloatArray, found: WeightComponents) -> FloatArray:
    """(n, k) float32: z-scored rows (n, p) on the components."""
    deviation = spread(rows)
    inverse = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    centred = (rows - rows.mean(0, dtype=np.float64)) * inverse
    scores: FloatArray = (centred @ found.directions.T).astype(np.float32)
    return scores


def band_shares(found: WeightComponents, bands: Sequence[Band]) -> NDArray[np.float64]:
    """(k, bands) share of each band's columns in the length of a component; they add up to 1."""
    squared = found.directions**2
    return np.stack([squared[:, band.start : band.stop].sum(1) for band in bands], 1)


def ends_of(scores: FloatArray, count: int, apart: int = 1) -> tuple[list[int], list[int]]:
    """Rows of the highest scores (n,), the highest first, and of the lowest, the lowest first.

    `count` of each, fewer of a short series, at least `apart` rows from each other: what lasts is told once.
    """
    order = np.argsort(scores, kind="stable")
    few = min(count, len(order) // 2)
    return _apart(order[::-1], few, apart), _apart(order, few, apart)


def _apart(rows: Array, count: int, apart: int) -> list[int]:
    chosen: list[int] = []
    for row in rows.tolist():
        if len(chosen) == count:
            break
        if all(abs(row - other) >= apart for other in chosen):
            chosen.append(row)
    return chosen
