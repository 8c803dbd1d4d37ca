"""Voxels that nothing can be fitted to: values that are not finite, or the same value all the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import Array

__all__ = ["unusable"]

COLUMNS = 4096  # at a time: no copy of all responses is made


def unusable(rows: Array) -> NDArray[np.bool_]:
    """Which columns of responses `rows` (n, V) hold a value that is not finite, or one value only; (V,)."""
    found = np.empty(rows.shape[1], bool)
    for start in range(0, rows.shape[1], COLUMNS):
        some = rows[:, start : start + COLUMNS]
        # a comparison with a value that is not a number is false, and infinities differ by no number
        with np.errstate(invalid="ignore"):
            found[start : start + COLUMNS] = ~((some.max(0) - some.min(0)) > 0) | ~np.isfinite(
                some
            ).all(0)
    return found
