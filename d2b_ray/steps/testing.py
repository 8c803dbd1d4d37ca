"""The step that draws a range of the null of one fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import NullCounts
from d2b_ray.catalog.significance_tests import TESTS, Draws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Fit
    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache

__all__ = ["null"]


def null(
    task: Task, values: Sequence[Any], cache: WorkerCache, device: str
) -> tuple[NullCounts, ...]:
    """Some permutations of some voxels of a fit: counts and maxima, joint, then of each band."""
    (fitted,) = values
    params = task.unit.params
    test = TESTS[params["test"]]
    assert test.null is not None  # else the plan has no such unit
    response = cache.responses(str(task.unit.subject), "VALID", fitted.kept)
    draws = Draws(
        params["start"],
        params["stop"],
        options={name: params[name] for name in test.options if name in params},
        runs=cache.run_lengths("VALID") if params.get("within_runs") else None,
    )
    own = _columns(params.get("voxels"), fitted)
    if own.start == own.stop:
        return _of_none(draws, own.start, 1 if fitted.bands is None else 1 + len(fitted.bands.r))
    response = response[:, own]
    counts = [test.null(fitted.prediction[:, own], response, draws)]
    if fitted.bands is not None:
        old = params.get("rule") == "drama2brain"  # it compares the share of a band
        for r, prediction in zip(fitted.bands.r, fitted.bands.prediction, strict=True):
            of_band = replace(draws, observed=r[own]) if old else draws
            counts.append(test.null(prediction[:, own], response, of_band))
    return tuple(replace(one, first=own.start) for one in counts)


def _of_none(draws: Draws, first: int, series: int) -> tuple[NullCounts, ...]:
    """Counts where all voxels of a task were left out."""
    none, count = np.zeros(0, np.int64), draws.stop - draws.start
    maxima = np.full(count, -np.inf, np.float32)
    return (NullCounts(none, none, count, maxima, draws.start, first),) * series


def _columns(voxels: Sequence[int] | None, fitted: Fit) -> slice:
    """Those of a fit that are columns `voxels` [first, end) of the responses, of which some were left out."""
    if voxels is None:
        return slice(0, fitted.prediction.shape[1])
    first, end = voxels if fitted.kept is None else np.searchsorted(fitted.kept, voxels)
    return slice(int(first), int(end))
