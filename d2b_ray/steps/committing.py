"""The step by which a fit becomes files and a record: always the files first, the record last."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.significance_tests import TESTS
from d2b_ray.errors import StoreError
from d2b_ray.spec.dataset import responses_words
from d2b_ray.steps.columns import in_place
from d2b_ray.steps.intervals import Intervals
from d2b_ray.steps.recording import Stopwatch, record
from d2b_ray.steps.results import FitPValues, fit_arrays, fit_summary, fit_tables
from d2b_ray.store import FitPlace, Layout, count_arrays, read_counts, remove_other_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import NullCounts
    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache
    from d2b_ray.store import Store, Written

__all__ = ["commit"]

log = logging.getLogger(__name__)


def commit(task: Task, values: Sequence[Any], cache: WorkerCache, device: str) -> None:
    """Counts become p-values; the fit's folder, its rows of the tables, summary and record are written."""
    watch = Stopwatch()
    fit, *rest = values
    bounds, counts = Intervals.of(task.unit.params["significance"], rest)
    bounds = bounds.of_columns(fit.kept)
    params, place = task.unit.params, FitPlace.of(task.unit.place)
    store = cache.store(cache.settings.results)
    merged = _merged(store, place, task, counts)
    _undo_earlier_fit(store, place, task.unit.key)
    wanted = params["significance"]
    if TESTS[wanted["test"]].p_values is not None:
        response = cache.responses(str(task.unit.subject), "VALID", fit.kept)
        tests = FitPValues.by_formula(wanted, fit, response)
    else:
        tests = FitPValues.of(wanted, fit, merged)
    written: dict[str, Written] = {}
    voxels = cache.dataset.voxels(str(task.unit.subject))
    arrays = fit_arrays(place, params["save"], fit, tests, bounds)
    arrays = {path: in_place(one, fit.kept, len(voxels.index)) for path, one in arrays.items()}
    if merged:
        arrays |= count_arrays(place, merged)
    for path, array in arrays.items():
        written[path] = store.write_array(path, array)
    if params.get("figures", True):
        from d2b_ray.report.figures import correlation_histogram

        title = task.unit.label.removeprefix("commit ")
        figure = correlation_histogram(fit.r, tests.significant, title)
        written[place.figure] = store.write_bytes(place.figure, figure)
    else:
        store.remove(place.figure)  # of an earlier run
    if params["table"] == "parquet":
        for path, table in fit_tables(place, task.unit.key, voxels, fit, tests, bounds).items():
            written[path] = store.write_table(path, table)
    about = {
        "validation_samples": fit.details["validation_samples"],
        "folds": cache.folds,
        "tr_s": cache.dataset.runs.tr_s,
        "responses": responses_words(cache.settings.treatment),
        "mean_ceiling": bounds.mean_ceiling,
    }
    summary = fit_summary(place, task.unit, task.fingerprints, fit, tests, voxels, about)
    written[place.summary] = store.write_json(place.summary, summary)
    timing = {"fit_seconds": fit.details.get("seconds"), "fit_host": fit.details.get("host")}
    timing |= {"fit_device": fit.details.get("device"), "fit_drew": bool(fit.drawn)}
    record(task, store, written, watch, device, commit=cache.settings.commit, extra=timing)
    remove_other_counts(store, place, params["significance"].get("permutations", 0))


def _merged(
    store: Store, place: FitPlace, task: Task, counts: Sequence[tuple[NullCounts, ...]]
) -> list[NullCounts]:
    """Counts of all permutations, those that an earlier commit left included; joint first, then bands."""
    from d2b_ray.significance import merge

    kept, significance = task.unit.kept, task.unit.params["significance"]
    if kept:
        counts = [read_counts(store, place, kept, significance), *counts]
    return [merge(ranges) for ranges in zip(*counts, strict=True)]


def _undo_earlier_fit(store: Store, place: FitPlace, key: str) -> None:
    """Make an earlier, different fit of the same folder undone before its files are replaced."""
    if not store.exists(place.summary):
        return
    try:
        before = store.read_json(place.summary).get("fit")
    except (AttributeError, StoreError) as error:  # damaged: its own fit is being made again
        log.warning("%s tells nothing of an earlier fit: %s", place.summary, error)
        return
    if before and before != key:
        for path in store.list(Layout.records_of("commit", before)):
            store.remove(path)
        store.remove(Layout.voxels(place.subject, before))
        store.remove(Layout.bands(place.subject, before))
