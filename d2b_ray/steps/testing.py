"""The step that draws a range of the null of one fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.significance_tests import TESTS, Draws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import NullCounts
    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache

__all__ = ["null"]


def null(
    task: Task, values: Sequence[Any], cache: WorkerCache, device: str
) -> tuple[NullCounts, ...]:
    """One range of permutations of one fit: counts and maxima, joint, then of each band."""
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
    counts = [test.null(fitted.prediction, response, draws)]
    if fitted.bands is not None:
        old = params.get("rule") == "drama2brain"  # it compares the share of a band
        for r, prediction in zip(fitted.bands.r, fitted.bands.prediction, strict=True):
            own = replace(draws, observed=r) if old else draws
            counts.append(test.null(prediction, response, own))
    return tuple(counts)
