"""Arrays of one's own, one a run: `.npy`, on a clock of a rate, of times, or of the samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import Clock
from d2b_ray.data.npy import first_not_finite
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.arrays import Array, FloatArray, Run
    from d2b_ray.data import Dataset

__all__ = ["files", "read", "width"]


def files(dataset: Dataset, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Arrays of all runs that have a role, and their times; all of one width and as long as must be."""
    found = []
    columns = None
    for run in dataset.runs.used:
        path = _path(dataset, params, "path", run)
        rows = _load(path)
        if columns is None:
            columns = rows.shape[1]
        if rows.shape[1] != columns:
            raise DataError(
                f"{path}: {rows.shape[1]} columns, and those of the first run have {columns}; must be "
                "the same"
            )
        if (bad := first_not_finite(path)) is not None:
            raise DataError(f"{path}: holds values that are not finite, first in row {bad}")
        _clock(dataset, params, run, rows, path)
        found.append(str(path))
        if params.get("times"):
            found.append(str(_path(dataset, params, "times", run)))
    return tuple(found)


def width(dataset: Dataset, params: Mapping[str, Any]) -> int:
    """Columns of the first run's array."""
    return int(_load(_path(dataset, params, "path", dataset.runs.used[0])).shape[1])


def read(dataset: Dataset, params: Mapping[str, Any], run: Run) -> tuple[FloatArray, Clock]:
    """The array of a run, and when its rows hold."""
    path = _path(dataset, params, "path", run)
    rows = _load(path)
    return np.asarray(rows, np.float32), _clock(dataset, params, run, rows, path)


def _path(dataset: Dataset, params: Mapping[str, Any], key: str, run: Run) -> Path:
    words = {
        "run": run.name,
        "stimulus": run.stimulus,
        "model": params["model"],
        "subject": params.get("subject", ""),
    }
    path = Path(str(dataset.feature_root)) / str(params[key]).format(**words)
    if not path.is_file():
        raise DataError(f"{path}: features of run {run.name} are missing ({key}: {params[key]})")
    return path


def _load(path: Path) -> Array:
    try:
        rows: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: features cannot be read ({error})") from error
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or rows.dtype.kind not in "fiu" or not rows.size:
        raise DataError(
            f"{path}: {rows.dtype} of shape {rows.shape}; expected numbers of shape (rows, width)"
        )
    return rows


def _clock(dataset: Dataset, params: Mapping[str, Any], run: Run, rows: Array, path: Path) -> Clock:
    """Times of the rows. DataError where rows end before the run or its times are others."""
    count, clock = len(rows), params["clock"]
    if params.get("times"):
        times = _path(dataset, params, "times", run)
        try:
            at = np.load(times, allow_pickle=False).astype(np.float64)
        except (OSError, ValueError) as error:
            raise DataError(f"{times}: times cannot be read ({error})") from error
        if at.shape not in ((count,), (count, 2)) or not np.isfinite(at).all():
            raise DataError(
                f"{times}: times of shape {at.shape}; must be {count} finite onsets in seconds, or "
                f"({count}, 2) with durations"
            )
        return Clock(at, np.zeros(count)) if at.ndim == 1 else Clock(at[:, 0], at[:, 1])
    if clock == "scans":
        if count != run.scans:
            raise DataError(
                f"{path}: {count} rows, and run {run.name} has {run.scans} samples; with clock: scans they "
                "must be the same"
            )
        return Clock(
            run.tr_s * np.arange(count, dtype=np.float64), np.full(count, run.tr_s), scans=True
        )
    step = 1 / float(params["rate_hz"])
    if count * step < run.seconds - step - 1e-6:
        raise DataError(
            f"{path}: {count} rows at {params['rate_hz']:g} a second are {count * step:g} s, and the "
            f"stimulus of run {run.name} has {run.seconds} s"
        )
    return Clock(step * np.arange(count, dtype=np.float64), np.full(count, step))
