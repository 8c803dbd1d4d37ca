"""Assembly of a design: rows on the samples of all runs in order, cut as responses are, reduced, delayed."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from d2b_ray.arrays import Band, Design
from d2b_ray.design.delays import Delays, delay
from d2b_ray.design.reduce import Reduce, apply, projection
from d2b_ray.design.sampling import a_row_a_second, to_scans
from d2b_ray.errors import DataError, FitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from d2b_ray.arrays import Array, Clock, FloatArray, Run
    from d2b_ray.design.sampling import Sampling

__all__ = ["FeatureSpace", "build_design", "in_features"]


@dataclass(frozen=True, slots=True)
class FeatureSpace:
    """One feature set: `rows` run name -> (rows, width), on the clock of the run in `clocks`.

    A run without a clock has a row a second. `sampling` brings rows to samples; None: at a TR of 1 s
    a row a second is a row a sample.
    """

    name: str
    rows: Mapping[str, Array]
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    sampling: Sampling | None = None


def build_design(
    spaces: Sequence[FeatureSpace],
    train: Sequence[Run],
    valid: Sequence[Run],
    delays: Delays,
    reduce: Reduce | None = None,
) -> Design:
    """Delayed (and reduced) features of the training and validation runs, one band a space.

    Rows come to the samples of their run, without those that the responses lack; then each space is
    reduced by itself, with what was fitted on all its training rows; then each run (or video) is
    delayed. Row order is the order of the runs. Raises DataError for features that are missing,
    shorter than their run, or not finite; FitError for empty splits.
    """
    if not train or not valid:
        raise FitError(
            f"the split has {len(train)} training and {len(valid)} validation runs; both are needed"
        )
    if any(a.cv_group > b.cv_group for a, b in pairwise(train)):
        raise FitError("training runs must be sorted by CV group (RunTable.train does it)")
    parts = [_space(space, train, valid, delays, reduce) for space in spaces]
    bands: list[Band] = []
    start = 0
    for space, (rows, _, _) in zip(spaces, parts, strict=True):
        bands.append(Band(space.name, start, start + rows.shape[1]))
        start += rows.shape[1]
    groups = np.repeat([run.cv_group for run in train], [run.samples for run in train])
    return Design(
        train=_side_by_side([rows for rows, _, _ in parts]),
        valid=_side_by_side([rows for _, rows, _ in parts]),
        groups=groups.astype(np.int64),
        bands=tuple(bands),
        projections=tuple(matrix for _, _, matrix in parts),
        shifts=len(delays.shifts) if delays.combine == "concat" else 1,
    )


def in_features(coef: FloatArray, design: Design) -> FloatArray:
    """Coefficients (columns, V) of a design in the space of the features before their reduction.

    A reduced column is (x - mean) @ component, so a feature's weight is the sum of its components
    times their weights; shifts stay side by side. Returns (features * shifts of all bands, V).
    """
    parts = []
    for band, matrix in zip(design.bands, design.projections, strict=True):
        own = coef[band.start : band.stop]
        for shift in np.split(own, design.shifts):
            parts.append(shift if matrix is None else matrix.T @ shift)
    return np.concatenate(parts)


def _space(
    space: FeatureSpace,
    train: Sequence[Run],
    valid: Sequence[Run],
    delays: Delays,
    reduce: Reduce | None,
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    own = {run.name: _rows(space, run) for run in (*train, *valid)}
    _same_width(space, own)
    matrix = None
    if reduce is not None:
        fitted = reduce.fit(np.concatenate([own[run.name] for run in train]))
        own = {name: apply(fitted, rows) for name, rows in own.items()}
        matrix = projection(fitted)
    return _delayed(own, train, delays), _delayed(own, valid, delays), matrix


def _rows(space: FeatureSpace, run: Run) -> FloatArray:
    if run.name not in space.rows:
        raise DataError(f"features {space.name}: run {run.name} is missing; extract it first")
    rows = np.asarray(space.rows[run.name])
    clock = space.clocks.get(run.name)
    wanted = run.seconds if clock is None else len(clock.onset)
    if rows.ndim != 2 or len(rows) < wanted:
        what = "a row a second of the run table" if clock is None else "a row a time of its clock"
        raise DataError(
            f"features {space.name}: run {run.name} has shape {rows.shape}; expected "
            f"({wanted}, width), {what}"
        )
    rows = rows[:wanted]
    if space.sampling is None:
        kept = np.asarray(rows[run.kept], dtype=np.float32)
    else:
        if not np.isfinite(rows).all():
            _refuse(space, run, rows, 0)
        clock = a_row_a_second(wanted) if clock is None else clock
        try:
            kept = to_scans(rows, clock, run.tr_s, run.scans, space.sampling)[run.kept]
        except DataError as error:
            raise DataError(f"features {space.name}: run {run.name}: {error}") from error
    if len(kept) != run.samples:
        raise DataError(
            f"features {space.name}: run {run.name} has {len(kept)} samples, and its responses have "
            f"{run.samples}"
        )
    if not np.isfinite(kept).all():
        _refuse(space, run, kept, run.overlap)
    return kept


def _refuse(space: FeatureSpace, run: Run, rows: Array, first: int) -> NoReturn:
    row = first + int((~np.isfinite(rows)).any(1).argmax())
    raise DataError(
        f"features {space.name}: run {run.name} holds values that are not finite, first in row "
        f"{row}; if they are of dtype float16, extract with float32 or "
        "bfloat16 (float16 ends at 65,504); if they are yours, correct the file"
    )


def _same_width(space: FeatureSpace, own: Mapping[str, FloatArray]) -> None:
    widths = {rows.shape[1] for rows in own.values()}
    if len(widths) != 1:
        raise DataError(
            f"features {space.name}: runs differ in width ({sorted(widths)}); remove the folder "
            "and extract again"
        )


def _delayed(own: Mapping[str, FloatArray], runs: Sequence[Run], delays: Delays) -> FloatArray:
    """Rows of `runs` in order, each run or each title's stack delayed as one series."""
    one: Callable[[Run], object] = (
        (lambda run: run.title) if delays.boundary == "video" else (lambda run: run.name)
    )
    series = [
        np.concatenate([own[run.name] for run in stretch]) for _, stretch in groupby(runs, key=one)
    ]
    return np.concatenate([delay(rows, delays) for rows in series])


def _side_by_side(parts: Sequence[FloatArray]) -> FloatArray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
