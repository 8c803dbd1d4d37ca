"""Nuisance regressors of a run as a feature space of their own, so that a banded fit can weigh them.

Cells that say n/a (a derivative at the first sample) are 0. Each column has mean 0 and standard deviation 1
in its run: the unit of a confound is as good as any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import Clock
from d2b_ray.data.confounds import read_confounds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.arrays import FloatArray, Run
    from d2b_ray.data import Dataset

__all__ = ["files", "read", "width"]


def files(dataset: Dataset, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Confound files of all runs that have a role; all are read."""
    runs = dataset.runs.used
    for run in runs:
        read_confounds(dataset, params["subject"], run, params["columns"])
    return tuple(str(dataset.confounds(params["subject"], run)) for run in runs)


def width(dataset: Dataset, params: Mapping[str, Any]) -> int:
    """Columns that the patterns choose."""
    first = dataset.runs.used[0]
    return int(read_confounds(dataset, params["subject"], first, params["columns"]).shape[1])


def read(dataset: Dataset, params: Mapping[str, Any], run: Run) -> tuple[FloatArray, Clock]:
    """A row a sample."""
    rows = read_confounds(dataset, params["subject"], run, params["columns"])
    spread = rows.std(0)
    spread[spread == 0] = 1
    rows = (rows - rows.mean(0)) / spread
    count = len(rows)
    clock = Clock(
        run.tr_s * np.arange(count, dtype=np.float64), np.full(count, run.tr_s), scans=True
    )
    return rows.astype(np.float32), clock
