"""The steps that make features: a shard of a feature set, the join of its shards, or all of it at once.

Features go to the feature tree, a file a run and layer; records follow when all are there. Shards of
runs write them themselves; shards of texts leave rows of texts, of which the join takes means.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.errors import D2BError, ExtractionError
from d2b_ray.plan import (
    by_texts,
    digest,
    feature_key,
    inputs_of_set,
    model_input,
    reading_key,
)
from d2b_ray.steps.device import is_device_error
from d2b_ray.steps.recording import Stopwatch, record
from d2b_ray.store import Layout, Written, mark_features, read_mark, remove_shards

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache
    from d2b_ray.store import Store

__all__ = ["extract", "shard"]


def extract(task: Task, values: Sequence[Any], cache: WorkerCache, device: str) -> None:
    """Features of all runs at the wanted layers, into the feature tree, one record a layer."""
    params, settings = task.unit.params, cache.settings
    results = cache.store(settings.results)
    watch = Stopwatch()
    if not task.unit.needs:
        written, about = _made(task, params, cache, device)
    elif by_texts(params):
        written, about = _mean_of_texts(task, cache)
        device = "cpu"
    else:
        shards = [_record_of(results, key, task.unit.label) for key in task.unit.needs]
        watch = Stopwatch(sum(shard["seconds"] for shard in shards))
        written = {
            path: Written(sha256, shard["extra"]["sizes"][path])
            for shard in shards
            for path, sha256 in shard["outputs"].items()
        }
        about, device = shards[0]["extra"], shards[0]["device"]
    runs = [run.name for run in cache.dataset.runs.used]
    for layer in task.layers:
        paths = [Layout.feature(params, layer, run) for run in runs]
        record(
            task,
            results,
            {path: written[path] for path in paths},
            watch,
            device,
            commit=settings.commit,
            key=feature_key(params, layer),
            kind="feature",
            params={"set": params, "layer": layer},
            extra={"model": about["model"], "libraries": about["libraries"]},
        )
    if task.unit.needs and not by_texts(params):
        remove_shards(results, of=params)


def shard(task: Task, values: Sequence[Any], cache: WorkerCache, device: str) -> None:
    """Features of some runs, with a record that stands until they are joined; or rows of some texts."""
    watch = Stopwatch()
    settings = cache.settings
    if "texts" in task.unit.place:
        written, about = _rows_of_texts(task, cache, device)
    else:
        runs = task.unit.place["runs"]
        written, about = _made(task, task.unit.params["set"], cache, device, runs)
        about["sizes"] = {path: found.bytes for path, found in written.items()}
    store = cache.store(settings.results)
    record(task, store, written, watch, device, commit=settings.commit, extra=about)


def _made(
    task: Task,
    params: Mapping[str, Any],
    cache: WorkerCache,
    device: str,
    runs: Mapping[str, int] | None = None,
) -> tuple[dict[str, Written], dict[str, Any]]:
    """Run the model on some runs or all: what was written by path, and what it was made with."""
    from d2b_ray.features.stimuli import libraries, options, stimuli

    settings = cache.settings
    model, about = _model(task, params, cache, device)
    store = cache.store(settings.features)
    _undo_other_features(task, params, cache)
    written: dict[str, Written] = {}
    with _by_model(about):
        for run, features in MODALITIES[params["modality"]].extract(
            model,
            stimuli(cache.dataset, params, runs),
            **options(params, task.layers, int(settings.batch_tokens * task.memory_factor)),
        ):
            paths = {Layout.feature(params, layer, run): rows for layer, rows in features.items()}
            written |= store.write_arrays(paths)
    return written, {"model": about, "libraries": libraries(params)}


def _rows_of_texts(
    task: Task, cache: WorkerCache, device: str
) -> tuple[dict[str, Written], dict[str, Any]]:
    """Run the model on the texts of a shard; as `_made`."""
    from d2b_ray.features.stimuli import libraries, options
    from d2b_ray.store import write_rows

    settings, asked = cache.settings, task.unit.params
    params, texts = asked["reading"], task.unit.place["texts"]
    model, known = _model(task, params, cache, device)
    batch_tokens = int(settings.batch_tokens * task.memory_factor)
    modality = MODALITIES[params["modality"]]
    with _by_model(known):
        rows = modality.text_rows(model, texts, **options(params, task.layers, batch_tokens))
    where = (params["model"], reading_key(params, asked["model"]), task.unit.key)
    about = {"model": known, "libraries": libraries(params)}
    return write_rows(cache.store(settings.features), where, texts, rows, about), about


def _mean_of_texts(task: Task, cache: WorkerCache) -> tuple[dict[str, Written], dict[str, Any]]:
    """Rows of texts in the store -> features of all runs; as `_made`."""
    from d2b_ray.features import mean_of_texts
    from d2b_ray.features.stimuli import texts_of
    from d2b_ray.store import TextRows

    params = task.unit.params
    store = cache.store(cache.settings.features)
    _, fingerprint = model_input(task.fingerprints)
    found = TextRows(store, params["model"], reading_key(params, fingerprint))
    said = texts_of(cache.dataset, params).of(params.get("annotators", "ALL"))
    _undo_other_features(task, params, cache)
    written: dict[str, Written] = {}
    for layer in task.layers:
        rows_of = partial(found.rows, layer)
        for run in said.index:
            path = Layout.feature(params, layer, run)
            written[path] = store.write_array(path, mean_of_texts(said, run, rows_of))
    return written, found.about


def _model(
    task: Task, params: Mapping[str, Any], cache: WorkerCache, device: str
) -> tuple[Any, dict[str, Any]]:
    """The loaded model and what it is, which must be what the sweep was laid out with."""
    from d2b_ray.features import identity

    model = cache.model(params, device)
    about: dict[str, Any] = identity(model.source)
    _check_model(task, about)
    return model, about


@contextmanager
def _by_model(about: Mapping[str, Any]) -> Iterator[None]:
    """ExtractionError for what a model raises whose files do not go together, in its library's words."""
    from d2b_ray.features.models.shrinking import is_out_of_memory

    try:
        yield
    except (D2BError, OSError):
        raise
    except Exception as error:
        if is_out_of_memory(error) or is_device_error(error):
            raise
        told = next(iter(str(error).splitlines()), "")
        raise ExtractionError(
            f"model {about['name']!r}: {about['location']} loads, but fails on what it is given "
            f"({type(error).__name__}: {told}); its configuration, processor and weights must be of one "
            "checkpoint"
        ) from error


def _record_of(results: Store, key: str, label: str) -> Mapping[str, Any]:
    """The record of a shard that is done."""
    paths = results.list(Layout.records_of("shard", key))
    if len(paths) != 1:
        raise ExtractionError(
            f"{label}: {len(paths)} records of one of its shards in {results.url}, where one was "
            "written; run the sweep again, it is made anew"
        )
    found: Mapping[str, Any] = results.read_json(paths[0])
    return found


def _undo_other_features(task: Task, params: Mapping[str, Any], cache: WorkerCache) -> None:
    """Make features of other options undone that lie in the same folders, before they are replaced."""
    store, results = (cache.store(u) for u in (cache.settings.features, cache.settings.results))
    for layer in task.layers:
        before = read_mark(store, params, layer)
        if before is not None and before["features"] != feature_key(params, layer):
            for path in results.list(Layout.records_of("feature", before["features"])):
                results.remove(path)
            remove_shards(results, of=before["set"])
        mark_features(store, params, layer, digest(inputs_of_set(task.fingerprints)))


def _check_model(task: Task, about: Mapping[str, Any]) -> None:
    """ExtractionError unless the model on this machine is the one that the sweep was laid out with."""
    planned, here = task.fingerprints[f"model {about['name']}"], about["fingerprint"]
    known = "@" in planned or ":" in planned  # else nothing but the name of a model was known
    if known and planned != here:
        raise ExtractionError(
            f"model {about['name']!r}: {about['location']} on {socket.gethostname()} is {here}, where "
            f"the sweep was begun it is {planned}; give all machines the same files"
        )
