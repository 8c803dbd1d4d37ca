"""Columns of the responses that a fit was made on, and their way back to the places they had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Array, IntArray

__all__ = ["all_in_place", "columns_of", "in_place"]


def in_place(values: Array, kept: IntArray | None, voxels: int) -> Array:
    """`values` (..., kept) as (..., voxels): not a number where nothing was fitted, and None of truths."""
    if kept is None:
        return values
    kind = values.dtype if np.issubdtype(values.dtype, np.floating) else object
    empty = np.nan if kind is not object else None
    wide: Array = np.full((*values.shape[:-1], voxels), empty, kind)
    wide[..., kept] = values
    return wide


def all_in_place(
    values: Mapping[str, Array | None], kept: IntArray | None, voxels: int
) -> dict[str, Array | None]:
    """The same for arrays by name."""
    return {
        name: None if array is None else in_place(array, kept, voxels)
        for name, array in values.items()
    }


def columns_of(voxels: Sequence[int] | None, kept: IntArray | None, fitted: int) -> slice:
    """Which of `fitted` are columns `voxels` [first, end) of the responses, where some were left out."""
    if voxels is None:
        return slice(0, fitted)
    first, end = voxels if kept is None else np.searchsorted(kept, voxels)
    return slice(int(first), int(end))
