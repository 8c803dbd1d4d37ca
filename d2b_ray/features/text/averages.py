"""Rows of distinct items -> a row a second: the mean over what was there in that second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.features.text.reader import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from d2b_ray.arrays import FloatArray, IntArray
    from d2b_ray.features.text.reader import Texts

__all__ = ["mean_of_texts", "mean_rows"]


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


def mean_of_texts(
    texts: Texts, run: str, rows_of: Callable[[Sequence[str]], FloatArray]
) -> FloatArray:
    """x[s] = mean over what was said in second s of a run, (seconds, width) float32; zeros in silence.

    `rows_of` some texts gives their rows (texts, width); at least one, or the width is not known: for
    a silent run it is asked for a text of another.
    """
    index = texts.index[run]
    used = np.unique(index)
    used = used[used != ABSENT]
    if not len(used):
        width = rows_of(texts.texts[:1]).shape[1]
        return np.zeros((len(index), width), np.float32)
    renumber = np.full(len(texts.texts) + 1, ABSENT, dtype=np.int64)  # the last stands for -1
    renumber[used] = np.arange(len(used))
    return mean_rows(rows_of([texts.texts[number] for number in used]), renumber[index])
