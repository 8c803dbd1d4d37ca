"""The step that draws a range of the null of one fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.significance_tests import TESTS
from d2b_ray.steps.columns import columns_of
from d2b_ray.steps.drawing import draws_of, none_of
from d2b_ray.steps.parts import series_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Fit, NullCounts
    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache

__all__ = ["null"]


def null(
    task: Task, values: Sequence[Any], cache: WorkerCache, device: str
) -> tuple[NullCounts, ...]:
    """Some permutations of some voxels of a fit: counts and maxima, joint, then of each band.

    `values` the fit, and the series of these voxels where they are apart from it (`parts`).
    """
    fitted: Fit
    fitted, *parts = values
    if task.unit.key in fitted.drawn:  # on the GPU that predicted
        return fitted.drawn[task.unit.key]
    params = task.unit.params
    test = TESTS[params["test"]]
    assert test.null is not None  # else the plan has no such unit
    response = cache.responses(str(task.unit.subject), "VALID", fitted.kept)
    draws = draws_of(task.unit, cache)
    own = columns_of(params.get("voxels"), fitted.kept, len(fitted.r))
    if own.start == own.stop:
        none = none_of(draws, own.start)
        return (none,) * (1 if fitted.bands is None else 1 + len(fitted.bands.r))
    response = response[:, own]
    series = parts[0] if parts else series_of(fitted, own)
    counts = [test.null(series.prediction, response, draws)]
    if fitted.bands is not None:
        old = params.get("rule") == "drama2brain"  # it compares the share of a band
        for r, prediction in zip(fitted.bands.r, series.bands, strict=True):
            of_band = replace(draws, observed=r[own]) if old else draws
            counts.append(test.null(prediction, response, of_band))
    return tuple(replace(one, first=own.start) for one in counts)
