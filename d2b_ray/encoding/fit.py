"""One subject's fit on one design: solve by the solver of a name, predict the validation rows, score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import Band, Fit
from d2b_ray.catalog.solvers import RIDGE_SOLVERS, Problem, Solver
from d2b_ray.encoding.products import predicted
from d2b_ray.encoding.scoring import BLOCK, correlation
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Design, FloatArray, IntArray
    from d2b_ray.catalog.solvers import Solution

__all__ = ["BUDGET_BYTES", "check", "factorize", "fit_ridge", "prepared_for", "solve"]

BUDGET_BYTES = 1 << 30


def factorize(
    train: FloatArray, groups: IntArray, *, solver: str = "auto", device: str = "cpu"
) -> Any:
    """All that a fit needs of the design alone: one for every subject that saw the same rows.

    `train` (n, p) not centred; `groups` (n,) non-decreasing. Raises FitError for a `solver` that has
    none, SpecError for one that does not exist.
    """
    prepare = RIDGE_SOLVERS[solver].prepare
    if prepare is None:
        raise FitError(f"solver {solver!r} has no factorization: fits share nothing of the design")
    if len(groups) != len(train):
        raise FitError(f"{len(groups)} groups for {len(train)} rows of the design")
    return prepare(train, groups, _one_band(train), device)


def solve(
    train: FloatArray,
    response: FloatArray,
    groups: IntArray,
    *,
    factorization: Any,
    alphas: Sequence[float],
    solver: str,
    device: str,
    memory_budget_bytes: int,
) -> tuple[Solution, str]:
    """The solution and the name of the solver that found it. Shapes as in `fit_ridge`."""
    row, penalties = RIDGE_SOLVERS[solver], np.asarray(alphas, np.float64)
    _check_training(train, response, penalties)
    problem = Problem(
        train, response, groups, penalties, _one_band(train),
        device=device, memory_budget_bytes=memory_budget_bytes,
    )  # fmt: skip
    found = row.solve(problem, prepared_for(row, problem, factorization))
    return found, found.solver or solver


def prepared_for(row: Solver[Any], problem: Problem, prepared: Any = None) -> Any:
    """What a solver needs of the design alone: made here if it was not shared and is needed."""
    if prepared is not None or row.prepare is None:
        return prepared
    return row.prepare(problem.train, problem.groups, problem.bands, problem.device)


def _one_band(train: FloatArray) -> tuple[Band]:
    return (Band("", 0, train.shape[1]),)


def fit_ridge(
    design: Design,
    train: FloatArray,
    valid: FloatArray,
    *,
    factorization: Any = None,
    alphas: Sequence[float],
    solver: str = "auto",
    device: str = "cpu",
    memory_budget_bytes: int = BUDGET_BYTES,
    nested: bool = False,
) -> Fit:
    """Ridge with a penalty a voxel, and its score on the validation rows.

    The design is centred by its training mean, not scaled; responses are taken as they are; there
    is no intercept. Per fold and penalty the correlation on the held-out group; the mean over
    folds chooses; refit on all rows. `train` (n, V) and `valid` (n_valid, V) responses;
    `factorization` what `factorize` made of the design, to share it between subjects; `nested` also
    predicts the training rows. Raises FitError when shapes do not fit together or values are not
    finite, or when the solver has no nested predictions.
    """
    row, penalties = RIDGE_SOLVERS[solver], np.asarray(alphas, np.float64)
    check(design, train, valid, penalties)
    if nested and row.nested is None:
        raise FitError(f"nested predictions are not made by solver {solver}; use auto")
    problem = Problem(
        design.train, train, design.groups, penalties, design.bands,
        device=device, memory_budget_bytes=memory_budget_bytes,
    )  # fmt: skip
    prepared = prepared_for(row, problem, factorization)
    solution = row.solve(problem, prepared)
    rows = (design.valid - design.train.mean(0, dtype=np.float64)).astype(np.float32)
    prediction = predicted(rows, solution.coef, device)
    return Fit(
        r=correlation(prediction, valid),
        cv_r=solution.cv_r,
        alpha=solution.alpha,
        coef=solution.coef,
        prediction=prediction,
        details={
            "solver": solution.solver or solver,
            "features": design.train.shape[1],
            "samples": len(train),
        },
        nested=row.nested(problem, prepared) if nested and row.nested is not None else None,
    )


def check(
    design: Design, train: FloatArray, valid: FloatArray, alphas: NDArray[np.float64]
) -> None:
    """Raise FitError unless the arrays of a fit belong together and are finite."""
    if valid.shape != (len(design.valid), train.shape[1]):
        raise FitError(
            f"validation responses have shape {valid.shape}; expected "
            f"{(len(design.valid), train.shape[1])}"
        )
    _check_training(design.train, train, alphas)
    _check_finite(valid, "validation")


def _check_training(train: FloatArray, response: FloatArray, alphas: NDArray[np.float64]) -> None:
    if response.ndim != 2 or len(response) != len(train):
        raise FitError(
            f"responses have shape {response.shape} for {len(train)} rows of the design; expected "
            f"({len(train)}, voxels)"
        )
    if alphas.ndim != 1 or not len(alphas) or not (np.isfinite(alphas) & (alphas > 0)).all():
        raise FitError("alphas must be one or more finite numbers above 0")
    _check_finite(response, "training")


def _check_finite(response: FloatArray, part: str) -> None:
    for start in range(0, response.shape[1], BLOCK):
        bad = ~np.isfinite(response[:, start : start + BLOCK])
        if bad.any():
            rows, columns = np.nonzero(bad)
            raise FitError(
                f"voxel {start + int(columns.min())} (column of the {part} responses) holds values "
                f"that are not finite, first in row {int(rows.min())}; {len(np.unique(columns))} "
                "such voxels in this block; mask them or repair the file"
            )
