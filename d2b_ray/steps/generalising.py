"""How well a finished fit predicts each title, and the other subjects: reads what its commit left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import DataError
from d2b_ray.steps.comparing import read_predictions
from d2b_ray.steps.recording import Stopwatch, record
from d2b_ray.store import FitPlace, Layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from d2b_ray.arrays import Array, FloatArray
    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache
    from d2b_ray.store import Written

__all__ = ["generalise"]


def generalise(task: Task, values: Sequence[Any], cache: WorkerCache, device: str) -> None:
    """Write r of every title and of every other subject, (titles, V) and (subjects, V), and their means."""
    watch = Stopwatch()
    params, key = task.unit.params, task.unit.key
    place = FitPlace.of(task.unit.place["fit"])
    store = cache.store(cache.settings.results)
    prediction = read_predictions(store, place)
    roi = cache.dataset.voxels(place.subject).roi
    rows: list[dict[str, Any]] = []
    written: dict[str, Written] = {}
    for name, found in (
        ("titles", _titles(prediction, place.subject, cache) if params["titles"] else ()),
        ("subjects", _subjects(prediction, place.subject, params["subjects"], cache)),
    ):
        scores = []
        for words, samples, r in found:
            scores.append(r)
            rows += [
                {"over": name.removesuffix("s"), "name": words, "samples": samples, **own}
                for own in _regions(roi, r)
            ]
        if scores:
            path = Layout.generalised(place.subject, key, f"{name}.npy")
            written[path] = store.write_array(path, np.stack(scores))
    summary = {
        "key": key, "fit": task.unit.place["key"], "subject": place.subject, "rows": rows,
    }  # fmt: skip
    path = Layout.generalised(place.subject, key, "generalise.json")
    written[path] = store.write_json(path, summary)
    record(task, store, written, watch, device, commit=cache.settings.commit)


def _titles(
    prediction: FloatArray, subject: str, cache: WorkerCache
) -> Iterator[tuple[str, int, FloatArray]]:
    """Title, samples and r of each title of the validation runs, in the order of their rows."""
    titles = np.repeat(
        [run.title for run in cache.runs("VALID")], [run.samples for run in cache.runs("VALID")]
    )
    response, bad = cache.responses(subject, "VALID"), cache.bad_voxels(subject, "VALID")
    for title in dict.fromkeys(titles.tolist()):
        rows = np.flatnonzero(titles == title)
        yield title, len(rows), _r(prediction[rows], response[rows], bad)


def _subjects(
    prediction: FloatArray, subject: str, others: Sequence[str], cache: WorkerCache
) -> Iterator[tuple[str, int, FloatArray]]:
    """Other subject, samples and r of these predictions with its responses, voxel by voxel."""
    own = cache.dataset.voxels(subject)
    for other in others:
        theirs = cache.dataset.voxels(other)
        same = np.array_equal(own.index, theirs.index) and own.shape == theirs.shape
        if not (same and own.surface == theirs.surface and own.axes == theirs.axes):
            raise DataError(
                f"generalise.subjects: the voxels of {other} are not those of {subject}: they must lie in "
                "one space"
            )
        response, bad = cache.responses_of_other(other, "VALID")
        yield other, len(response), _r(prediction, response, bad)


def _r(prediction: FloatArray, response: FloatArray, bad: Array) -> FloatArray:
    """Correlations (V,); not a number where nothing was fitted, and where the response is `bad`."""
    from d2b_ray.encoding import correlation

    missing = np.isnan(prediction[0]) | bad
    r = correlation(np.where(missing, 0, prediction), np.where(missing, 0, response))
    r[missing] = np.nan
    return r


def _regions(regions: Array, r: FloatArray) -> Iterator[dict[str, Any]]:
    """Mean and voxels of each region; those of all voxels under the empty name."""
    there = np.isfinite(r)
    for roi in ("", *sorted(set(regions.tolist()) - {""})):
        own = there & (regions == roi) if roi else there
        if own.any():
            mean = float(np.mean(r[own], dtype=float))
            yield {"roi": roi, "voxels": int(own.sum()), "mean_r": mean}
