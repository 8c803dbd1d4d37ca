"""Events of a run: a column a trial type, or one of a number that each event has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import Clock
from d2b_ray.data.tables import MISSING, numbers, read_table
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from d2b_ray.arrays import FloatArray, Run
    from d2b_ray.data import Dataset

__all__ = ["files", "read", "width"]


def files(dataset: Dataset, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Event files of all runs that have a role; all are read."""
    paths = [str(_path(dataset, params, run)) for run in dataset.runs.used]
    _kinds(dataset, params)
    return tuple(paths)


def width(dataset: Dataset, params: Mapping[str, Any]) -> int:
    """Trial types of all runs, or 1 for a column of numbers."""
    return len(_kinds(dataset, params))


def read(dataset: Dataset, params: Mapping[str, Any], run: Run) -> tuple[FloatArray, Clock]:
    """A row an event: 1 in the column of its type, or its number; types in alphabetic order."""
    kinds = _kinds(dataset, params)
    path = _path(dataset, params, run)
    table = read_table(path, ("onset", "duration", params["column"]))
    cells = table[params["column"]]
    onset, duration = (numbers(path, name, table[name]) for name in ("onset", "duration"))
    rows = np.zeros((len(cells), len(kinds)), np.float32)
    if kinds == [params["column"]]:
        rows[:, 0] = np.nan_to_num(numbers(path, params["column"], cells))
    else:
        for row, cell in enumerate(cells):
            if cell in kinds:
                rows[row, kinds.index(cell)] = 1
    told = np.isfinite(onset)
    duration = np.nan_to_num(duration)
    if (duration[told] < 0).any():
        row = int(np.flatnonzero(told & (duration < 0))[0])
        raise DataError(f"{path}:{row + 2}: duration is {duration[row]:g}; must be 0 or more")
    return rows[told], Clock(onset[told], duration[told])


def _path(dataset: Dataset, params: Mapping[str, Any], run: Run) -> Path:
    path = dataset.events(params["subject"], run)
    if not path.is_file():
        raise DataError(
            f"{path}: events of subject {params['subject']}, run {run.name} are missing"
        )
    return path


def _kinds(dataset: Dataset, params: Mapping[str, Any]) -> list[str]:
    """Columns of the features: trial types without those left out; the column itself if it holds numbers."""
    found: set[str] = set()
    for run in dataset.runs.used:
        path = _path(dataset, params, run)
        table = read_table(path, ("onset", "duration", params["column"]))
        found |= {cell for cell in table[params["column"]] if cell.lower() not in MISSING}
    if found and all(_is_number(cell) for cell in found):
        return [params["column"]]
    left_out = set(params["leave_out"])
    strangers = sorted(left_out - found)
    if strangers:
        raise DataError(
            f"events: no event is a {', '.join(strangers)} (leave_out); there are {', '.join(sorted(found))}"
        )
    kinds = sorted(found - left_out)
    if not kinds:
        raise DataError(f"events: column {params['column']} is empty in all runs")
    return kinds


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
