"""Rows of distinct items -> a row a second: the mean over what was there in that second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from d2b_ray.arrays import FloatArray, IntArray

__all__ = ["mean_rows"]


def mean_rows(vectors: FloatArray, index: IntArray) -> FloatArray:
    """x[s] = mean_a vectors[index[s, a]] over index >= 0, summed in float64, in column order.

    (items, width), (seconds, columns) -> (seconds, width) float32; zero rows where none is.
    """
    total = np.zeros((index.shape[0], vectors.shape[1]), dtype=np.float64)
    for column in index.T:
        present = column >= 0
        total[present] += vectors[column[present]]
    count = np.maximum((index >= 0).sum(axis=1), 1)
    total /= count[:, None]
    return total.astype(np.float32)
