"""The step that draws a range of the null of one fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    from d2b_ray.significance import block_null

    (fitted,) = values
    params = task.unit.params
    response = cache.responses(str(task.unit.subject), "VALID")
    options: dict[str, Any] = {
        "start": params["start"],
        "stop": params["stop"],
        "seed": params["seed"],
        "block_trs": params.get("block_trs", 1),
        "kind": params["null"],
        "rng": params["rng"],
        "test": params["test"],
    }
    if params.get("within_runs"):
        options["runs"] = cache.run_lengths("VALID")
    counts = [block_null(fitted.prediction, response, **options)]
    if fitted.bands is not None:
        old = params.get("rule") == "drama2brain"  # it compares the share of a band
        for r, prediction in zip(fitted.bands.r, fitted.bands.prediction, strict=True):
            observed = r if old else None
            counts.append(block_null(prediction, response, observed=observed, **options))
    return tuple(counts)
