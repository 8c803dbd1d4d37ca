"""The step that fits one subject's responses on one design."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import DataError
from d2b_ray.steps.autocorrelated import autocorrelated, sampled_columns
from d2b_ray.steps.drawing import Drawing
from d2b_ray.steps.recording import Stopwatch
from d2b_ray.steps.task import Readers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Fit, Role
    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache

__all__ = ["fit"]

ROLES: tuple[Role, Role] = ("TRAIN", "VALID")


def fit(task: Task, values: Sequence[Any], cache: WorkerCache, device: str) -> Fit:
    """One subject's responses on one design."""
    from d2b_ray.encoding import fit_banded, fit_ridge
    from d2b_ray.encoding.outcome import Wanted

    watch = Stopwatch()
    made, shared = values if len(values) == 2 else (values[0], None)
    params = task.unit.params
    train = cache.responses(params["subject"], "TRAIN")
    if len(train) != len(made.train):
        raise DataError(
            f"subject {params['subject']}: {len(train)} training rows of responses, "
            f"{len(made.train)} of features; the run table and the files must agree"
        )
    kept = cache.usable(params["subject"])
    train, valid = (cache.responses(params["subject"], role, kept) for role in ROLES)
    intercept = params.get("intercept", False)
    placed = None  # after a shortage of memory a fit goes on with a batch at a time
    if task.memory_factor == 1:
        columns = made.train.shape[1]
        placed = cache.placed(params["subject"], kept, device, intercept=intercept, columns=columns)
    readers = task.readers or Readers((), reads_prediction=True)
    drawing = Drawing(readers.nulls, cache, kept, made.bands)
    serves = placed is not None and cache.settings.nulls_on_gpu and drawing.serves(len(valid))
    wanted = Wanted(
        coef=cache.settings.keep_coef,
        prediction=readers.reads_prediction or not serves,
        look=drawing if serves else None,
    )
    options: dict[str, Any] = {
        "alphas": params["alphas"],
        "solver": params["solver"],
        "intercept": intercept,
        "device": device,
        "memory_budget_bytes": int(cache.settings.memory_budget_bytes * task.memory_factor),
        "wanted": wanted,
    }
    given = train if placed is None else placed
    if params["kind"] == "banded":
        found = fit_banded(made, given, valid, parts=shared, **_of_bands(params), **options)
    else:
        nested = params.get("nested", False)
        found = fit_ridge(made, given, valid, factorization=shared, nested=nested, **options)
    own = sampled_columns(len(found.r))
    seen = drawing.sampled
    if seen is None:
        seen = np.concatenate([found.prediction[:, columns] for columns in own], axis=1)
    ties = autocorrelated(seen, np.concatenate([valid[:, columns] for columns in own], axis=1))
    if not cache.settings.keep_coef:  # a third of the value, which every null task would be sent
        found = replace(found, coef=np.zeros((0, len(found.r)), np.float32))
    elif params.get("coef_space") == "features":
        from d2b_ray.design import in_features

        found = replace(found, coef=in_features(found.coef, made))
    ends = (min(params["alphas"]), max(params["alphas"]))
    at_ends = int(np.isin(found.alpha, ends).sum()) if ends[0] < ends[1] else 0
    timing = {"seconds": watch.seconds, "host": socket.gethostname(), "at_ends": at_ends}
    timing["device"] = device.partition(":")[0]
    details = {**found.details, **timing, "autocorrelation": ties}
    return replace(found, details=details, kept=kept, drawn=drawing.counts)


def _of_bands(params: Mapping[str, Any]) -> dict[str, Any]:
    """What a banded fit is told beside what every fit is."""
    from d2b_ray.encoding import Search

    searched = {**params["search"], "concentration": tuple(params["search"]["concentration"])}
    return {
        "names": params["bands"],
        "search": Search(**searched),
        "unique": params["unique"],
        "without": params.get("without", False),
        "silent": params.get("nuisance", ()),
    }
