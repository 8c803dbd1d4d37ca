"""Components of the weights of finished fits over all subjects, and the moments that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.errors import DataError
from d2b_ray.steps.recording import Stopwatch, record
from d2b_ray.store import FitPlace, Layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from d2b_ray.arrays import Array, Design, FloatArray, Run
    from d2b_ray.encoding.weights import WeightComponents
    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache
    from d2b_ray.store import Store, Written

__all__ = ["weights"]

APART_S = 10.0  # of moments at one end: a scene is told once


def weights(task: Task, values: Sequence[Any], cache: WorkerCache, device: str) -> None:
    """Write components (k, p), the projection of training rows on them (n, k), and what they are of."""
    from d2b_ray.encoding.weights import band_shares, projections, weight_components

    watch = Stopwatch()
    (made,) = values
    params, place, key = task.unit.params, task.unit.place, task.unit.key
    store = cache.store(cache.settings.results)
    fits = [FitPlace.of(one) for one in place["fits"]]
    parts = (_best_weights(store, fit, params["top_voxels"], made) for fit in fits)
    found = weight_components(parts, params["components"])
    scores = projections(made.train, found)
    names = fits[0].bands or ("",)
    shares = band_shares(found, made.bands)
    summary = {
        "key": key,
        "fits": place["keys"],
        "words": place["words"],
        "subjects": [fit.subject for fit in fits],
        "voxels": found.voxels,
        "components": [
            {"explained": float(explained), "bands": dict(zip(names, map(float, own), strict=True))}
            for explained, own in zip(found.explained, shares, strict=True)
        ],
        "moments": list(_moments(scores, found, task, cache)),
    }
    written: dict[str, Written] = {}
    arrays: dict[str, Array] = {
        "components": found.directions.astype(np.float32),
        "explained": found.explained,
        "projections": scores,
    }
    for name, array in arrays.items():
        path = Layout.weights(key, f"{name}.npy")
        written[path] = store.write_array(path, array)
    path = Layout.weights(key, "weights.json")
    written[path] = store.write_json(path, summary)
    record(task, store, written, watch, device, commit=cache.settings.commit)


def _best_weights(store: Store, fit: FitPlace, top: int, made: Design) -> FloatArray:
    """Weights (p, v) of z-scored features, of the voxels of the highest cv_r of a fit."""
    from d2b_ray.encoding.weights import spread

    for path in (fit.coef, fit.cv_cc):
        if not store.exists(path):
            raise DataError(
                f"{store.url}/{path} is gone, which weights_pca reads; remove {store.url}/{fit.folder} "
                "and the fit's record (units/commit), and run again"
            )
    coef, by = store.read_array(fit.coef), store.read_array(fit.cv_cc)
    if len(coef) != made.train.shape[1]:
        raise DataError(
            f"{store.url}/{fit.coef} has {len(coef)} rows where the design has {made.train.shape[1]} columns"
        )
    there = np.flatnonzero(np.isfinite(by) & np.isfinite(coef[0]))
    best = there[np.argsort(-by[there], kind="stable")[:top]]
    chosen: FloatArray = (coef[:, np.sort(best)] * spread(made.train)[:, None]).astype(np.float32)
    return chosen


def _moments(
    scores: FloatArray, found: WeightComponents, task: Task, cache: WorkerCache
) -> Iterator[dict[str, Any]]:
    """The training samples at both ends of each component, and what was said at their time."""
    from d2b_ray.encoding.weights import ends_of

    runs = cache.runs("TRAIN")
    where = np.repeat(np.arange(len(runs)), [run.samples for run in runs])
    sample = np.concatenate([np.arange(run.scans)[run.kept] for run in runs])
    delays = task.unit.place["delays"]
    shift = (delays["start"] + delays["end"]) / 2  # samples: the middle of what was averaged
    apart, count = max(1, round(APART_S / runs[0].tr_s)), task.unit.params["ends"]
    for component in range(len(found.directions)):
        ends = ends_of(scores[:, component], count, apart)
        for end, rows in zip(("high", "low"), ends, strict=True):
            for rank, row in enumerate(rows, start=1):
                run = runs[where[row]]
                shown = max(0.0, (float(sample[row]) - shift) * run.tr_s)
                yield {
                    "component": component + 1, "end": end, "rank": rank,
                    "score": float(scores[row, component]), "run": run.name,
                    "time_s": float(sample[row] * run.tr_s), "stimulus_s": shown,
                    "text": _text(task.unit.place["spaces"], run, int(shown), cache),
                }  # fmt: skip


def _text(
    spaces: Sequence[Mapping[str, Any]], run: Run, second: int, cache: WorkerCache
) -> str | None:
    """What captions of the bands say there, each level once; None where none lie in the data set."""
    there = cache.dataset.levels()
    levels = dict.fromkeys(
        space["feature"]["annotation"]
        for space in spaces
        if "captions" in MODALITIES[space["feature"]["modality"]].needs
        and space["feature"]["annotation"] in there  # features may lie ready without
    )
    told = []
    for level in levels:
        rows = cache.dataset.captions(run, level)
        cells: Sequence[Array | str] = rows[min(second, len(rows) - 1)]
        told.append(next((str(cell) for cell in cells if str(cell).strip(" .")), ""))
    return " | ".join(told) if any(told) else None
