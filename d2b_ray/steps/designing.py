"""The steps over features alone: the design of a fit, and what every subject's fit shares of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.catalog.solvers import SOLVERS
from d2b_ray.data.dataset import words_of
from d2b_ray.errors import DataError
from d2b_ray.plan import feature_key, space_words
from d2b_ray.store import Layout, check_mark
from d2b_ray.survey.inputs import GIVEN, RELEASE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Clock, Design, Run
    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache

__all__ = ["design", "factorize"]


def design(task: Task, values: Sequence[Any], cache: WorkerCache, device: str) -> Design:
    """The delayed (and reduced) features of the rows of the split."""
    from d2b_ray.design import Delays, FeatureSpace, Reduce, Sampling, build_design

    params = task.unit.params
    table = cache.dataset.runs
    train, valid = table.train(params["split"]), table.valid(params["split"])
    spaces = []
    for space in params["spaces"]:
        rows, clocks = _read_features(task, space, cache, [*train, *valid])
        how = Sampling(**space["sampling"]) if "sampling" in space else None
        words = space_words(space["feature"], space["layer"])
        spaces.append(FeatureSpace(words, rows, clocks, how))
    reduce = None
    if params["reduce"]:
        ((method, size),) = params["reduce"].items()
        reduce = Reduce(method, size)
    return build_design(spaces, train, valid, Delays(**params["delays"]), reduce)


def factorize(task: Task, values: Sequence[Any], cache: WorkerCache, device: str) -> Any:
    """All that a fit needs of the design alone, in the form of its solver; shared by every subject."""
    (made,) = values
    params = task.unit.params
    prepare = SOLVERS[params.get("kind", "ridge")][params["solver"]].prepare
    assert prepare is not None  # else the plan has no such unit
    intercept = params.get("intercept", False)
    return prepare(made.train, made.groups, made.bands, device, intercept)


def _read_features(
    task: Task, space: Mapping[str, Any], cache: WorkerCache, runs: Sequence[Run]
) -> tuple[dict[str, Any], dict[str, Clock]]:
    """Rows by run, and the clocks of those that have one."""
    feature, layer = space["feature"], space["layer"]
    modality = MODALITIES[feature["modality"]]
    root = task.roots[feature_key(feature, layer)]
    if root == GIVEN:
        found = {run.name: modality.read(cache.dataset, feature, run) for run in runs}
        return {r: one for r, (one, _) in found.items()}, {
            r: clock for r, (_, clock) in found.items()
        }
    if root == RELEASE:
        release = cache.dataset.release
        files = release.files(feature["annotation"], feature["model"], layer)
        return {run.name: release.read(files[run.name]) for run in runs}, {}
    store = cache.store(root)
    check_mark(store, feature, layer)
    rows = {}
    for run in runs:
        path = Layout.feature(feature, layer, run.name)
        if not store.exists(path):  # of one unit, where a store that fails would end the run
            raise DataError(
                f"{store.url}/{path} is gone since this run looked; run again, its features are made anew"
            )
        rows[run.name] = store.read_array(path)
    check_mark(store, feature, layer)  # and nobody has replaced them meanwhile
    if not modality.clock:
        return rows, {}
    words = words_of(cache.dataset)
    return rows, {run.name: words.read(run, feature["annotation"]).clock for run in runs}
