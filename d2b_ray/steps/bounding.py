"""The steps that tell how sure a score is, and how high it could be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.data.unusable import unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray
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
    response = cache.responses(str(task.unit.subject), "VALID", fitted.kept)
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
    """What the other subjects, or repeats of the validation stimuli, tell of each voxel of one subject.

    Not a number where one of the subjects, or one of the presentations, has no usable voxel.
    """
    from d2b_ray.significance import ceiling_of

    params = task.unit.params
    if "repeats" in params:
        return _of_repeats(params["subject"], params["repeats"], cache)
    subject = params["subject"]
    bad = cache.bad_voxels(subject, "VALID").copy()
    own = _blank(cache.responses(subject, "VALID"), bad)

    def others() -> Iterator[FloatArray]:
        for other in params["others"]:
            rows, of_this = cache.responses_of_other(other, "VALID")
            np.logical_or(bad, of_this, out=bad)
            yield _blank(rows, of_this)

    found = ceiling_of(own, others())
    found[bad] = np.nan
    return found


def _of_repeats(
    subject: str, shown: Sequence[Sequence[str]], cache: WorkerCache
) -> NDArray[np.float64]:
    """Largest correlation with one presentation: the root of the variance that comes back."""
    from d2b_ray.significance import explainable_variance, noise_ceiling

    runs = {run.name: run for run in cache.dataset.runs.recorded}
    repeats = [
        np.concatenate([cache.treated(subject, runs[name]) for name in names])
        for names in zip(*shown, strict=True)
    ]
    bad = np.logical_or.reduce([unusable(rows) for rows in repeats])
    found = noise_ceiling(explainable_variance([_blank(rows, bad) for rows in repeats]))
    found[bad] = np.nan
    return found


def _blank(rows: FloatArray, bad: NDArray[np.bool_]) -> FloatArray:
    """The rows with zeros in the columns that are `bad`; the same array if there are none."""
    return np.where(bad, np.float32(0), rows) if bad.any() else rows
