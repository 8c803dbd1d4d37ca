"""`solver: stacking` of banded fits: each band by a ridge of its own, joined by weights of held-out rows.

Against a joint banded fit: no search of weights and no joint design, so bands may be very wide; but what
two bands explain only together is not found. `gamma` are the weights in the stack, `alpha` is the penalty of
the band that weighs most.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.solvers import EIGH_FLOPS, RIDGE_SOLVERS, BandedSolution, Solver
from d2b_ray.encoding.operations import ridge_flops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Band, FloatArray, IntArray
    from d2b_ray.catalog.solvers import FitSizes, Problem

__all__ = ["SOLVER", "prepare", "solve", "without"]

SPACES = 5  # of which operations are counted: sizes of a fit tell no bands


def prepare(
    train: FloatArray, groups: IntArray, bands: Sequence[Band], device: str, intercept: bool
) -> list[Any]:
    """What a ridge of each band prepares."""
    make = RIDGE_SOLVERS["auto"].prepare
    assert make is not None
    return [make(_columns(train, band), groups, (), device, intercept) for band in bands]


def solve(problem: Problem, prepared: Sequence[Any]) -> BandedSolution:
    """Ridges of the bands, their nested predictions of the training rows, and the weights of these."""
    import numpy as np

    from d2b_ray.encoding.batches import batches, on_host
    from d2b_ray.encoding.folds import splits_of
    from d2b_ray.encoding.outcome import as_array
    from d2b_ray.encoding.scoring import correlation
    from d2b_ray.encoding.stacking import error_products, simplex_weights

    ridge = RIDGE_SOLVERS["auto"]
    assert ridge.nested is not None
    response = on_host(problem.response)
    count = len(problem.bands)
    weights, alpha = np.empty((count, response.shape[1])), np.empty(response.shape[1])
    cv_r = np.empty(response.shape[1], np.float32)
    coef = np.empty((problem.train.shape[1], response.shape[1]), np.float32)
    per_voxel = 4 * len(response) * (2 * count + 4)
    for start, stop in batches(response.shape[1], per_voxel, problem.memory_budget_bytes):
        some = np.ascontiguousarray(response[:, start:stop])
        own = [
            replace(problem, train=_columns(problem.train, band), response=some, bands=())
            for band in problem.bands
        ]
        nested = [ridge.nested(one, part) for one, part in zip(own, prepared, strict=True)]
        level = some.mean(0, dtype=np.float64) if problem.intercept else 0
        found = simplex_weights(error_products((some - level).astype(np.float32), nested))
        joined = np.einsum("vk,knv->nv", found, np.stack(nested)).astype(np.float32)
        held = [correlation(joined[rows], some[rows]) for _, rows in splits_of(problem.groups)]
        cv_r[start:stop] = np.mean(held, 0)
        weights[:, start:stop] = found.T
        ridges = [ridge.solve(one, part) for one, part in zip(own, prepared, strict=True)]
        for band, fitted, weight in zip(problem.bands, ridges, found.T, strict=True):
            coef[band.start : band.stop, start:stop] = as_array(fitted.coef) * weight
        penalties = np.stack([fitted.alpha for fitted in ridges])
        alpha[start:stop] = np.take_along_axis(penalties, found.T.argmax(0)[None], 0)[0]
    return BandedSolution(
        alpha=alpha, cv_r=cv_r, coef=coef, gamma=weights, history=cv_r[None], solver="stacking"
    )


def without(problem: Problem, prepared: Sequence[Any], number: int) -> BandedSolution:
    """The stack of all bands but one; its coefficients are of the other columns."""
    import numpy as np

    from d2b_ray.arrays import Band

    others = [n for n in range(len(problem.bands)) if n != number]
    parts = [_columns(problem.train, problem.bands[n]) for n in others]
    edges = np.cumsum([0, *(part.shape[1] for part in parts)]).tolist()
    bands = tuple(
        Band(problem.bands[n].name, *edges[place : place + 2]) for place, n in enumerate(others)
    )
    left = replace(problem, train=np.concatenate(parts, 1), bands=bands)
    return solve(left, [prepared[n] for n in others])


def flops(sizes: FitSizes) -> float:
    """Of the ridges of the bands and of the nested ones, a fold each."""
    columns = max(1, sizes.columns // SPACES)
    inner = replace(sizes, columns=columns)
    eigen = sizes.folds**2 * EIGH_FLOPS * min(sizes.samples, columns) ** 3
    return SPACES * ((sizes.folds + 1) * ridge_flops(inner) + eigen)


def _columns(train: FloatArray, band: Band) -> FloatArray:
    import numpy as np

    found: FloatArray = np.ascontiguousarray(train[:, band.start : band.stop])
    return found


SOLVER = Solver(solve=solve, flops=flops, prepare=prepare, without=without)
