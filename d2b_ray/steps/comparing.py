"""Two fits of one subject: the difference of their correlations, tested by swapping blocks.

Reads what their commits left, so that fits need not wait for each other in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import DataError
from d2b_ray.steps.columns import in_place
from d2b_ray.steps.recording import Stopwatch, record
from d2b_ray.store import FitPlace, Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Array, FloatArray, IntArray
    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache
    from d2b_ray.store import Store, Written

__all__ = ["compare", "read_predictions"]


def compare(task: Task, values: Sequence[Any], cache: WorkerCache, device: str) -> None:
    """Write the difference of every voxel, its corrected p-value, and a summary by region."""
    from d2b_ray.encoding import correlation
    from d2b_ray.significance import p_values, score_difference, swap_null

    watch = Stopwatch()
    params, place, key = task.unit.params, task.unit.place, task.unit.key
    store = cache.store(cache.settings.results)
    first, second = (read_predictions(store, FitPlace.of(one)) for one in place["places"])
    kept = _fitted(first, second)
    voxels_there = first.shape[1]
    if kept is not None:
        first, second = (np.ascontiguousarray(one[:, kept]) for one in (first, second))
    response = cache.responses(place["subject"], "VALID", kept)
    counts = swap_null(
        first,
        second,
        response,
        start=0,
        stop=params["permutations"],
        seed=params["seed"],
        block_trs=params["block_trs"],
        runs=cache.run_lengths("VALID") if params.get("within_runs") else None,
    )
    difference = score_difference(first, second, response)
    p = p_values(counts, np.abs(difference), correction=params["correction"]).corrected
    written: dict[str, Written] = {}
    for name, array in (("difference", difference), ("pvalues_corrected", p)):
        path = Layout.comparison(place["subject"], key, f"{name}.npy")
        written[path] = store.write_array(path, in_place(array, kept, voxels_there))
    scores = [correlation(one, response) for one in (first, second)]
    roi = cache.dataset.voxels(place["subject"]).roi
    roi = roi if kept is None else roi[kept]
    summary = {
        "key": key,
        "fits": [params["first"], params["second"]],
        **{name: place[name] for name in ("subject", "names", "by", "pair")},
        "params": params,
        "rois": _regions(roi, scores, difference, p <= params["level"]),
    }
    path = Layout.comparison(place["subject"], key, "compare.json")
    written[path] = store.write_json(path, summary)
    record(task, store, written, watch, device, commit=cache.settings.commit)


def read_predictions(store: Store, place: FitPlace) -> FloatArray:
    """Validation predictions (n, V) of a finished fit."""
    if not store.exists(place.predictions):
        raise DataError(
            f"{store.url}/{place.predictions} is gone, which this unit reads; remove "
            f"{store.url}/{place.folder} and the fit's record (units/commit), and run again"
        )
    found: FloatArray = store.read_array(place.predictions)
    return found


def _fitted(first: FloatArray, second: FloatArray) -> IntArray | None:
    """Columns that both fits have predictions of; None: all."""
    missing = np.isnan(first[0]) | np.isnan(second[0])
    return np.flatnonzero(~missing) if missing.any() else None


def _regions(
    regions: Array, scores: list[FloatArray], difference: FloatArray, significant: Array
) -> dict[str, Any]:
    """Numbers of every region; those of all voxels under the empty name."""
    found = {}
    for roi in ("", *sorted(set(regions.tolist()) - {""})):
        own = regions == roi if roi else np.full(len(difference), fill_value=True)
        first, second = (float(np.mean(score[own], dtype=float)) for score in scores)
        found[roi] = {
            "voxels": int(own.sum()),
            "first": first,
            "second": second,
            "difference": first - second,
            "better": int((significant & own & (difference > 0)).sum()),
            "worse": int((significant & own & (difference < 0)).sum()),
        }
    return found
