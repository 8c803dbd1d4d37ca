"""How finished work becomes files and a record: always the files first, the record last."""

from __future__ import annotations

import platform
import socket
import time
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from d2b_ray.engine.counted import count_arrays, read_counts, remove_other_counts
from d2b_ray.engine.results import Tests, fit_arrays, fit_summary, fit_tables
from d2b_ray.store import FitPlace, Layout, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Fit, NullCounts
    from d2b_ray.engine.bounds import Bounds
    from d2b_ray.engine.residents import Residents
    from d2b_ray.engine.work import Task
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
    """When a unit began, and how long it has taken, `before` seconds of its shards included."""

    def __init__(self, before: float = 0.0) -> None:
        self.started = time.time()
        self._clock = time.perf_counter() - before

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
    commit: str | None,
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
        versions=versions() | {"commit": commit or "unknown"},
        host=socket.gethostname(),
        device=device,
        started=watch.started,
        seconds=watch.seconds,
        bytes=sum(found.bytes for found in written.values()),
        attempt=task.attempt,
        extra=extra or {},
    ).write(store)


def commit_fit(
    task: Task,
    fit: Fit,
    counts: Sequence[tuple[NullCounts, ...]],
    bounds: Bounds,
    residents: Residents,
    device: str,
) -> None:
    """Write a fit's folder, its rows of the tables, its summary and its record."""
    from d2b_ray.report import correlation_histogram

    watch = Stopwatch()
    params, place = task.unit.params, FitPlace.of(task.unit.place)
    store = residents.store(residents.place.results)
    merged = _merged(store, place, task, counts)
    _give_way(store, place, task.unit.key)
    wanted = params["significance"]
    if wanted["test"] == "parametric":
        response = residents.responses(str(task.unit.subject), "VALID")
        tests = Tests.parametric(wanted, fit, response)
    else:
        tests = Tests.of(wanted, fit, merged)
    written: dict[str, Written] = {}
    arrays = fit_arrays(place, params["save"], fit, tests, bounds)
    if merged:
        arrays |= count_arrays(place, merged)
    for path, array in arrays.items():
        written[path] = store.write_array(path, array)
    title = task.unit.label.removeprefix("commit ")
    figure = correlation_histogram(fit.r, tests.significant, title)
    written[place.figure] = store.write_bytes(place.figure, figure)
    voxels = residents.dataset.voxels(str(task.unit.subject))
    if params["table"] == "parquet":
        for path, table in fit_tables(place, task.unit.key, voxels, fit, tests, bounds).items():
            written[path] = store.write_table(path, table)
    summary = fit_summary(place, task.unit, task.fingerprints, fit, tests, voxels)
    written[place.summary] = store.write_json(place.summary, summary)
    timing = {"fit_seconds": fit.details.get("seconds"), "fit_host": fit.details.get("host")}
    commit = residents.place.commit
    record(task, store, written, watch, device, commit=commit, extra=timing)
    remove_other_counts(store, place, params["significance"].get("permutations", 0))


def _merged(
    store: Store, place: FitPlace, task: Task, counts: Sequence[tuple[NullCounts, ...]]
) -> list[NullCounts]:
    """Counts of all permutations, those that an earlier commit left included; joint first, then bands."""
    from d2b_ray.significance import merge

    kept, significance = task.unit.place.get("kept"), task.unit.params["significance"]
    if kept:
        counts = [read_counts(store, place, kept, significance), *counts]
    return [merge(ranges) for ranges in zip(*counts, strict=True)]


def _give_way(store: Store, place: FitPlace, key: str) -> None:
    """Make an earlier, different fit of the same folder undone before its files are replaced."""
    if not store.exists(place.summary):
        return
    before = store.read_json(place.summary).get("fit")
    if before and before != key:
        for path in store.list(Layout.records_of("commit", before)):
            store.remove(path)
        store.remove(Layout.voxels(place.subject, before))
        store.remove(Layout.bands(place.subject, before))
