"""Sixteen voxels at a time, in float64: what the exact statistics of this room are computed on.

A tile has the same shape and layout whatever voxels stand beside it, so that a voxel has the same
bits in any split of the voxels, and working memory does not grow with their number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import FitError
from d2b_ray.significance.kernels import LANES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from d2b_ray.arrays import Array

__all__ = ["alike", "centred", "tiles"]


def tiles(voxels: int) -> Iterator[slice]:
    """Columns of each tile; the last may have fewer than LANES."""
    for start in range(0, voxels, LANES):
        yield slice(start, min(start + LANES, voxels))


def centred(
    series: Array, columns: slice, name: str = "series", *, unit: bool = True
) -> NDArray[np.float64]:
    """x - mean x, with `unit` over its norm sqrt(sum (x - mean x)^2); a tile (n, LANES) float64.

    `series` (n, V), `columns` at most LANES of them; columns that are constant, or missing, are
    zero. Raises FitError, with `name` of the series, if a value is not finite.
    """
    tile = np.zeros((len(series), LANES))
    tile[:, : columns.stop - columns.start] = series[:, columns]
    finite = np.isfinite(tile).all(0)
    if not finite.all():
        raise FitError(
            f"{name}: voxel {columns.start + int(np.argmin(finite))} has values that are not finite; "
            "leave it out or fill them"
        )
    constant = tile.max(0) == tile.min(0)  # exact, where a rounded mean may leave a remainder
    tile -= tile.mean(0)
    tile[:, constant] = 0
    if unit:
        norm = np.sqrt((tile * tile).sum(0))
        np.divide(tile, norm, out=tile, where=norm > 0)
    return tile


def alike(**series: Array) -> tuple[int, int]:
    """Samples and voxels that all `series` have; raises FitError, with their names, if they differ."""
    shapes = {name: one.shape for name, one in series.items()}
    first = next(iter(shapes.values()))
    if len(set(shapes.values())) > 1 or len(first) != 2 or first[0] < 2:
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise FitError(f"{told}: must be (samples, voxels), alike, of 2 samples or more")
    return first[0], first[1]
