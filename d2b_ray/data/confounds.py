"""Confounds of a run, from the table that its layout names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.data.tables import chosen_columns, numbers, read_table
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Run
    from d2b_ray.data.dataset import Dataset

__all__ = ["read_confounds"]


def read_confounds(
    dataset: Dataset, subject: str, run: Run, wanted: Sequence[str]
) -> NDArray[np.float64]:
    """Columns (scans, k) that match `wanted`, 0 where the table says n/a. DataError if they do not fit."""
    path = dataset.confounds(subject, run)
    if not path.is_file():
        raise DataError(f"{path}: confounds of subject {subject}, run {run.name} are missing")
    table = read_table(path)
    names = chosen_columns(path, list(table), wanted)
    found = np.stack([numbers(path, name, table[name]) for name in names], axis=1)
    if len(found) != run.scans:
        raise DataError(
            f"{path}: {len(found)} rows, and run {run.name} has {run.scans} samples; must be the same"
        )
    if np.isinf(found).any():
        raise DataError(f"{path}: holds infinite values; correct the file")
    return np.nan_to_num(found)
