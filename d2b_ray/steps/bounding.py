"""The steps that tell how sure a score is, and how high it could be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from d2b_ray.significance import Interval
    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache

__all__ = ["bootstrap", "ceiling"]


def bootstrap(
    task: Task, values: Sequence[Any], cache: WorkerCache, device: str
) -> tuple[Interval, ...]:
    """Intervals of r, then of the unique variance of each band, if the fit kept what that takes."""
    from d2b_ray.significance import bootstrap_difference, bootstrap_score

    (fitted,) = values
    params = task.unit.params
    response = cache.responses(str(task.unit.subject), "VALID")
    options: dict[str, Any] = {
        "replicates": params["samples"],
        "block_trs": params["block_trs"],
        "level": params["level"],
        "seed": params["seed"],
        "runs": cache.run_lengths("VALID") if params.get("within_runs") else None,
    }
    found = [bootstrap_score(fitted.prediction, response, **options)]
    if fitted.bands is not None and fitted.bands.without is not None:
        for prediction in fitted.bands.without:
            found.append(
                bootstrap_difference(
                    fitted.prediction, prediction, response, measure="signed_square", **options
                )
            )
    return tuple(found)


def ceiling(
    task: Task, values: Sequence[Any], cache: WorkerCache, device: str
) -> NDArray[np.float64]:
    """What the other subjects tell of each voxel of one subject, on the validation rows."""
    from d2b_ray.significance import ceiling_of

    params = task.unit.params
    own = cache.responses(params["subject"], "VALID")
    others = (cache.read_responses(other, "VALID") for other in params["others"])
    return ceiling_of(own, others)
