"""One function per kind of unit: values in, value out. Every engine calls these; none knows ray.

| kind      | reads                          | returns                | writes                        |
| --------- | ------------------------------ | ---------------------- | ----------------------------- |
| shard     | media of some runs, a model    |                        | one .npy a run and layer      |
| extract   | captions, media, a model       |                        | the same, of all runs         |
| design    | feature files                  | Design                 |                               |
| factorize | Design                         | Factorization          |                               |
| fit       | Design, Factorization, responses | Fit                  |                               |
| null      | Fit, responses                 | NullCounts             |                               |
| bootstrap | Fit, responses                 | Intervals              |                               |
| ceiling   | responses of all subjects      | ceiling (V,)           |                               |
| commit    | Fit, NullCounts ...            |                        | .npy, .png, Parquet, fit.json |
| compare   | two commits' files, responses  |                        | .npy, compare.json            |
| gather    | the store                      |                        | tables, figures, report       |

What writes ends with a record; what returns is made again if it is lost.
"""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from d2b_ray.engine.bounds import Bounds, bootstrap, ceiling
from d2b_ray.engine.commits import Stopwatch, commit_fit, record
from d2b_ray.engine.comparing import compare_fits
from d2b_ray.engine.extracting import extract, shard
from d2b_ray.engine.inputs import RELEASE
from d2b_ray.engine.shards import remove_shards
from d2b_ray.errors import DataError
from d2b_ray.plan import feature_key, space_words
from d2b_ray.store import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from d2b_ray.arrays import Design, Fit, NullCounts, Run
    from d2b_ray.encoding import Factorization
    from d2b_ray.encoding.grams import Grams
    from d2b_ray.encoding.kernels import Kernels
    from d2b_ray.engine.residents import Residents
    from d2b_ray.engine.work import Task

__all__ = ["STEPS"]

Step: TypeAlias = "Callable[[Task, Sequence[Any], Residents, str], Any]"


def design(task: Task, values: Sequence[Any], residents: Residents, device: str) -> Design:
    """The delayed (and reduced) features of the rows of the split."""
    from d2b_ray.design import Delays, FeatureSpace, Reduce, build_design

    params = task.unit.params
    table = residents.dataset.runs
    train, valid = table.train(params["split"]), table.valid(params["split"])
    spaces = [
        FeatureSpace(
            space_words(space["feature"], space["layer"]),
            _read_features(task, space, residents, [*train, *valid]),
        )
        for space in params["spaces"]
    ]
    reduce = None
    if params["reduce"]:
        ((method, size),) = params["reduce"].items()
        reduce = Reduce(method, size)
    return build_design(spaces, train, valid, Delays(**params["delays"]), reduce)


def _read_features(
    task: Task, space: Mapping[str, Any], residents: Residents, runs: Sequence[Run]
) -> dict[str, Any]:
    feature, layer = space["feature"], space["layer"]
    root = task.roots[feature_key(feature, layer)]
    if root == RELEASE:
        release = residents.dataset.release
        files = release.files(feature["annotation"], feature["model"], layer)
        return {run.name: release.read(files[run.name]) for run in runs}
    store = residents.store(root)
    return {run.name: store.read_array(Layout.feature(feature, layer, run.name)) for run in runs}


def factorize(
    task: Task, values: Sequence[Any], residents: Residents, device: str
) -> Factorization | Grams | Kernels:
    """All that a fit needs of the design alone; shared by every subject."""
    from d2b_ray.encoding import band_parts
    from d2b_ray.encoding import factorize as factorize_design

    (made,) = values
    params = task.unit.params
    if params.get("kind") == "banded":
        return band_parts(made.train, made.groups, made.bands, form=params["solver"], device=device)
    return factorize_design(made.train, made.groups, solver=params["solver"], device=device)


def fit(task: Task, values: Sequence[Any], residents: Residents, device: str) -> Fit:
    """One subject's responses on one design."""
    from d2b_ray.encoding import Search, fit_banded, fit_ridge

    watch = Stopwatch()
    made, shared = values if len(values) == 2 else (values[0], None)
    params = task.unit.params
    train = residents.responses(params["subject"], "TRAIN")
    if len(train) != len(made.train):
        raise DataError(
            f"subject {params['subject']}: {len(train)} training rows of responses, "
            f"{len(made.train)} of features; the run table and the files must agree"
        )
    valid = residents.responses(params["subject"], "VALID")
    options: dict[str, Any] = {
        "alphas": params["alphas"],
        "solver": params["solver"],
        "device": device,
        "memory_budget_bytes": int(residents.place.memory_budget_bytes * task.memory_factor),
    }
    if params["kind"] == "banded":
        search = Search(
            **{**params["search"], "concentration": tuple(params["search"]["concentration"])}
        )
        found = fit_banded(
            made, train, valid, names=params["bands"], parts=shared, search=search,
            unique=params["unique"], without=params.get("without", False), **options,
        )  # fmt: skip
    else:
        nested = params.get("nested", False)
        found = fit_ridge(made, train, valid, factorization=shared, nested=nested, **options)
    if params.get("coef_space") == "features":
        from d2b_ray.design import in_features

        found = replace(found, coef=in_features(found.coef, made))
    timing = {"seconds": watch.seconds, "host": socket.gethostname()}
    return replace(found, details={**found.details, **timing})


def null(
    task: Task, values: Sequence[Any], residents: Residents, device: str
) -> tuple[NullCounts, ...]:
    """One range of permutations of one fit: counts and maxima, joint, then of each band."""
    from d2b_ray.significance import block_null

    (fitted,) = values
    params = task.unit.params
    response = residents.responses(str(task.unit.subject), "VALID")
    options: dict[str, Any] = {
        "start": params["start"],
        "stop": params["stop"],
        "seed": params["seed"],
        "block_trs": params.get("block_trs", 1),
        "kind": params["null"],
        "rng": params["rng"],
        "test": params["test"],
    }
    if params.get("within_runs"):
        options["runs"] = residents.run_lengths("VALID")
    counts = [block_null(fitted.prediction, response, **options)]
    if fitted.bands is not None:
        old = params.get("rule") == "drama2brain"  # it compares the share of a band
        for r, prediction in zip(fitted.bands.r, fitted.bands.prediction, strict=True):
            observed = r if old else None
            counts.append(block_null(prediction, response, observed=observed, **options))
    return tuple(counts)


def commit(task: Task, values: Sequence[Any], residents: Residents, device: str) -> None:
    """Counts become p-values; the fit's folder, its Parquet part and its record are written."""
    fitted, *rest = values
    bounds, counts = Bounds.of(task.unit.params["significance"], rest)
    commit_fit(task, fitted, counts, bounds, residents, device)


def compare(task: Task, values: Sequence[Any], residents: Residents, device: str) -> None:
    """Two fits of one subject, voxel by voxel and region by region."""
    compare_fits(task, residents, device)


def gather(task: Task, values: Sequence[Any], residents: Residents, device: str) -> None:
    """Tables, figures and the report of all that is in the store."""
    from d2b_ray.report import gather as gather_report

    watch = Stopwatch()
    store = residents.store(residents.place.results)
    for path in store.list(Layout.records_of_kind("gather")):
        if not path.startswith(Layout.records_of("gather", task.unit.key)):
            store.remove(path)  # of another sweep, whose tables and report these replace
    remove_shards(store)  # of a run that was killed before it could
    written = gather_report(store, tables=task.unit.params["table"] == "parquet")
    record(task, store, written, watch, device, commit=residents.place.commit)


STEPS: dict[str, Step] = {
    "shard": shard,
    "extract": extract,
    "design": design,
    "factorize": factorize,
    "fit": fit,
    "null": null,
    "bootstrap": bootstrap,
    "ceiling": ceiling,
    "commit": commit,
    "compare": compare,
    "gather": gather,
}
