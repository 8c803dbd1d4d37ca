"""Voxels that nothing can be fitted to: values that are not finite, or the same value all the time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.allotment import cores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import Array

__all__ = ["unusable"]

COLUMNS = 4096  # at a time: no copy of all responses is made
MOST_THREADS = 8  # memory gives no more


def unusable(rows: Array) -> NDArray[np.bool_]:
    """Which columns of responses `rows` (n, V) hold a value that is not finite, or one value only; (V,)."""
    found = np.empty(rows.shape[1], bool)

    def look(start: int) -> None:
        """At some columns."""
        some = rows[:, start : start + COLUMNS]
        # what is no number makes both ends none
        with np.errstate(invalid="ignore"):
            high, low = some.max(0), some.min(0)
            varies = np.isfinite(high) & np.isfinite(low) & (high > low)
        found[start : start + COLUMNS] = ~varies

    starts = range(0, rows.shape[1], COLUMNS)
    with ThreadPoolExecutor(max(1, min(MOST_THREADS, cores(), len(starts)))) as pool:
        for _ in pool.map(look, starts):  # an error of a thread is raised here
            pass
    return found
