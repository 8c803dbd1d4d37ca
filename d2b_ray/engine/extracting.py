"""The steps that make features: of all runs of a feature set, of a shard of them, or joined from shards.

Features go straight to the feature tree, a file a run and layer; records follow when all are there.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from d2b_ray.engine.commits import Stopwatch, record
from d2b_ray.engine.shards import remove_shards
from d2b_ray.errors import ExtractionError
from d2b_ray.plan import feature_key
from d2b_ray.store import Layout, Written

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from d2b_ray.engine.residents import Residents
    from d2b_ray.engine.work import Task
    from d2b_ray.store import Store

__all__ = ["extract", "shard"]


def extract(task: Task, values: Sequence[Any], residents: Residents, device: str) -> None:
    """Features of all runs at the wanted layers, into the feature tree, one record a layer."""
    params, place = task.unit.params, residents.place
    results = residents.store(place.results)
    if task.unit.needs:
        shards = [_record_of(results, key, task.unit.label) for key in task.unit.needs]
        watch = Stopwatch(sum(shard["seconds"] for shard in shards))
        written = {
            path: Written(sha256, shard["extra"]["sizes"][path])
            for shard in shards
            for path, sha256 in shard["outputs"].items()
        }
        about, device = shards[0]["extra"], shards[0]["device"]
    else:
        watch = Stopwatch()
        written, about = _made(task, params, residents, device)
    runs = [run.name for run in residents.dataset.runs.used]
    for layer in task.layers:
        paths = [Layout.feature(params, layer, run) for run in runs]
        record(
            task,
            results,
            {path: written[path] for path in paths},
            watch,
            device,
            commit=place.commit,
            key=feature_key(params, layer),
            kind="feature",
            params={"set": params, "layer": layer},
            extra={"model": about["model"], "libraries": about["libraries"]},
        )
    if task.unit.needs:
        remove_shards(results, of=params)


def shard(task: Task, values: Sequence[Any], residents: Residents, device: str) -> None:
    """Features of some runs, and a record that stands until they are joined with the others."""
    watch = Stopwatch()
    place = residents.place
    runs = task.unit.place["runs"]
    written, about = _made(task, task.unit.params["set"], residents, device, runs)
    record(
        task,
        residents.store(place.results),
        written,
        watch,
        device,
        commit=place.commit,
        extra={**about, "sizes": {path: found.bytes for path, found in written.items()}},
    )


def _made(
    task: Task,
    params: Mapping[str, Any],
    residents: Residents,
    device: str,
    runs: Collection[str] | None = None,
) -> tuple[dict[str, Written], dict[str, Any]]:
    """Run the model on some runs or all: what was written by path, and what it was made with."""
    from d2b_ray.engine.stimuli import libraries, options, stimuli
    from d2b_ray.features import MODALITIES, identity

    place = residents.place
    model = residents.model(params, device)
    about = identity(model.source)
    _check_model(task, about)
    store = residents.store(place.features)
    for layer in task.layers:
        _give_way(store, residents.store(place.results), params, layer)
    written: dict[str, Written] = {}
    for run, features in MODALITIES[params["modality"]].extract(
        model,
        stimuli(residents.dataset, params, runs),
        **options(params, task.layers, int(place.batch_tokens * task.memory_factor)),
    ):
        for layer, rows in features.items():
            path = Layout.feature(params, layer, run)
            written[path] = store.write_array(path, rows)
    return written, {"model": about, "libraries": libraries(params)}


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


def _give_way(store: Store, results: Store, params: Mapping[str, Any], layer: int) -> None:
    """Make features of other options undone that lie in the same folder, before they are replaced."""
    mark, key = Layout.feature_mark(params, layer), feature_key(params, layer)
    before: dict[str, Any] = {"features": key}
    if store.exists(mark):
        before = store.read_json(mark)
    if before["features"] != key:
        for path in results.list(Layout.records_of("feature", before["features"])):
            results.remove(path)
        remove_shards(results, of=before["set"])
    store.write_json(mark, {"features": key, "set": params, "layer": layer})


def _check_model(task: Task, about: Mapping[str, Any]) -> None:
    """ExtractionError unless the model on this machine is the one that the sweep was laid out with."""
    planned, here = task.fingerprints[f"model {about['name']}"], about["fingerprint"]
    known = "@" in planned or ":" in planned  # else nothing but the name of a model was known
    if known and planned != here:
        raise ExtractionError(
            f"model {about['name']!r}: {about['location']} on {socket.gethostname()} is {here}, where "
            f"the sweep was begun it is {planned}; give all machines the same files"
        )
