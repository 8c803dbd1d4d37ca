"""How finished work becomes files and a record: always the files first, the record last."""

from __future__ import annotations

import platform
import socket
import time
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.store import FitPlace, Layout, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Fit, NullCounts, Voxels
    from d2b_ray.engine.residents import Residents
    from d2b_ray.engine.work import Task
    from d2b_ray.significance import PValues
    from d2b_ray.store import Store, Written

__all__ = ["Stopwatch", "commit_fit", "record", "versions"]

LIBRARIES = ("d2b-ray", "numpy", "torch", "transformers", "scikit-learn", "himalaya", "ray")


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that make the numbers."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


class Stopwatch:
    """When a unit began, and how long it has taken."""

    def __init__(self) -> None:
        self.started = time.time()
        self._clock = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self._clock


def record(
    task: Task,
    store: Store,
    written: Mapping[str, Written],
    watch: Stopwatch,
    device: str,
    *,
    key: str | None = None,
    kind: str | None = None,
    params: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write the record of a unit (or of one of its layers, by its own key): it is done from now on."""
    unit = task.unit
    Record(
        key=key or unit.key,
        kind=kind or unit.kind,
        label=unit.label,
        params=params or unit.params,
        inputs=task.inputs,
        fingerprints=task.fingerprints,
        outputs={path: found.sha256 for path, found in written.items()},
        versions=versions(),
        host=socket.gethostname(),
        device=device,
        started=watch.started,
        seconds=watch.seconds,
        bytes=sum(found.bytes for found in written.values()),
        attempt=task.attempt,
        extra=extra or {},
    ).write(store)


def commit_fit(
    task: Task, fit: Fit, counts: Sequence[NullCounts], residents: Residents, device: str
) -> None:
    """Write a fit's folder, its rows of the voxel table, its summary and its record."""
    from d2b_ray.report import correlation_histogram, voxel_table

    watch = Stopwatch()
    params, place = task.unit.params, FitPlace.of(task.unit.place)
    store = residents.store(residents.place.results)
    _give_way(store, place, task.unit.key)
    pvalues = _p_values(params["significance"], fit, counts)
    level = params["significance"].get("level")
    significant = None if pvalues is None else pvalues.corrected <= level
    written: dict[str, Written] = {}
    for path, array in _arrays(place, params["save"], fit, pvalues).items():
        written[path] = store.write_array(path, array)
    title = task.unit.label.removeprefix("commit ")
    written[place.figure] = store.write_bytes(
        place.figure, correlation_histogram(fit.r, significant, title)
    )
    voxels = residents.dataset.voxels(str(task.unit.subject))
    if params["table"] == "parquet":
        path = Layout.voxels(place.subject, task.unit.key)
        values = {"r": fit.r, "cv_r": fit.cv_r, "alpha": fit.alpha, "significant": significant}
        for name in ("p", "p_fdr", "p_fwe"):
            values[name] = None if pvalues is None else getattr(pvalues, name)
        same = {"fit": task.unit.key, **_words(place)}
        written[path] = store.write_table(path, voxel_table(same, voxels, values))
    summary = _summary(task, place, fit, significant, voxels)
    written[place.summary] = store.write_json(place.summary, summary)
    timing = {"fit_seconds": fit.details.get("seconds"), "fit_host": fit.details.get("host")}
    record(task, store, written, watch, device, extra=timing)


def _give_way(store: Store, place: FitPlace, key: str) -> None:
    """Make an earlier, different fit of the same folder undone before its files are replaced."""
    if not store.exists(place.summary):
        return
    before = store.read_json(place.summary).get("fit")
    if before and before != key:
        for path in store.list(Layout.records_of("commit", before)):
            store.remove(path)
        store.remove(Layout.voxels(place.subject, before))


def _p_values(wanted: Mapping[str, Any], fit: Fit, counts: Sequence[NullCounts]) -> PValues | None:
    from d2b_ray.significance import merge, p_values

    if wanted["test"] == "none":
        return None
    return p_values(merge(counts), fit.r, rule=wanted["rule"], correction=wanted["correction"])


def _arrays(
    place: FitPlace, save: Sequence[str], fit: Fit, pvalues: PValues | None
) -> dict[str, Any]:
    """Path -> array of what the sweep asks to keep."""
    offered: dict[str, dict[str, Any]] = {
        "scores": {place.cc: fit.r, place.cv_cc: fit.cv_r},
        "pvalues": {} if pvalues is None else {place.pvalues_corrected: pvalues.corrected},
        "coef": {place.coef: fit.coef},
        "predictions": {place.predictions: fit.prediction},
        "alphas": {place.alphas: fit.alpha},
    }
    return {path: array for name in save for path, array in offered[name].items()}


def _words(place: FitPlace) -> dict[str, Any]:
    """The place of a fit in the words of the tables."""
    return {
        "annotation": place.annotation,
        "model": place.model,
        "layer": place.layer,
        "modality": place.modality,
        "delay_start_s": place.start_s,
        "delay_end_s": place.end_s,
        "reduction": place.reduction,
        "split": place.split,
        "label": place.label,
    }


def _summary(
    task: Task, place: FitPlace, fit: Fit, significant: Any | None, voxels: Voxels
) -> dict[str, Any]:
    """What made the fit and its numbers in short. Holds no time and no host: same spec, same bytes."""
    rois = {}
    for roi in sorted(set(voxels.roi.tolist()) - {""}):
        own = voxels.roi == roi
        rois[roi] = {"voxels": int(own.sum()), "mean_r": float(np.mean(fit.r[own], dtype=float))}
        if significant is not None:
            rois[roi]["significant"] = int(significant[own].sum())
    return {
        "fit": task.unit.key,
        "subject": place.subject,
        "folder": place.folder,
        "place": _words(place),
        "params": task.unit.params,
        "fingerprints": task.fingerprints,
        "numbers": {
            "solver": fit.details["solver"],
            "samples": fit.details["samples"],
            "features": fit.details["features"],
            "voxels": len(fit.r),
            "mean_r": float(np.mean(fit.r, dtype=float)),
            "median_r": float(np.median(fit.r)),
            "max_r": float(fit.r.max()),
            "mean_cv_r": float(np.mean(fit.cv_r, dtype=float)),
            "significant": None if significant is None else int(significant.sum()),
        },
        "rois": rois,
    }
