"""One subject's fit on one design: solve by the solver of a name, predict the validation rows, score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import Band, Fit
from d2b_ray.catalog.solvers import RIDGE_SOLVERS, Problem, Solver
from d2b_ray.encoding.centring import mean_response
from d2b_ray.encoding.outcome import WHOLE, outcome
from d2b_ray.encoding.scoring import BLOCK
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Design, FloatArray, IntArray
    from d2b_ray.catalog.solvers import Responses, Solution
    from d2b_ray.encoding.outcome import Wanted

__all__ = [
    "BUDGET_BYTES",
    "check",
    "check_alphas",
    "check_finite",
    "factorize",
    "fit_ridge",
    "prepared_for",
    "solve",
    "told",
]

BUDGET_BYTES = 1 << 30


def factorize(
    train: FloatArray,
    groups: IntArray,
    *,
    solver: str = "auto",
    device: str = "cpu",
    intercept: bool = True,
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
    return prepare(train, groups, _one_band(train), device, intercept)


def solve(
    train: FloatArray,
    response: Responses,
    groups: IntArray,
    *,
    factorization: Any,
    alphas: Sequence[float],
    solver: str,
    device: str,
    memory_budget_bytes: int,
    intercept: bool = True,
) -> tuple[Solution, str]:
    """The solution and the name of the solver that found it. Shapes as in `fit_ridge`."""
    row, penalties = RIDGE_SOLVERS[solver], np.asarray(alphas, np.float64)
    _check_training(train, response, penalties)
    problem = Problem(
        train, response, groups, penalties, _one_band(train),
        device=device, memory_budget_bytes=memory_budget_bytes, intercept=intercept,
    )  # fmt: skip
    found = row.solve(problem, prepared_for(row, problem, factorization))
    return found, found.solver or solver


def prepared_for(row: Solver[Any], problem: Problem, prepared: Any = None) -> Any:
    """What a solver needs of the design alone: made here if it was not shared and is needed."""
    if prepared is not None or row.prepare is None:
        return prepared
    return row.prepare(
        problem.train, problem.groups, problem.bands, problem.device, problem.intercept
    )


def _one_band(train: FloatArray) -> tuple[Band]:
    return (Band("", 0, train.shape[1]),)


def fit_ridge(
    design: Design,
    train: Responses,
    valid: FloatArray,
    *,
    factorization: Any = None,
    alphas: Sequence[float],
    solver: str = "auto",
    device: str = "cpu",
    memory_budget_bytes: int = BUDGET_BYTES,
    nested: bool = False,
    intercept: bool = True,
    wanted: Wanted = WHOLE,
) -> Fit:
    """Ridge with a penalty a voxel, and its score on the validation rows.

    The design is centred by its training mean, not scaled. With `intercept` each fold, and the fit of
    all rows, has a constant a voxel: himalaya's `fit_intercept`; without, responses are taken as they
    are. Per fold and penalty the correlation on the held-out group; the mean over
    folds chooses; refit on all rows. `train` (n, V) and `valid` (n_valid, V) responses, the former perhaps
    on the device with the latter (`DeviceResponses`; what is not `wanted` then never leaves it);
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
        device=device, memory_budget_bytes=memory_budget_bytes, intercept=intercept,
    )  # fmt: skip
    prepared = prepared_for(row, problem, factorization)
    solution = row.solve(problem, prepared)
    made = outcome(design, train, valid, solution, device=device, wanted=wanted)
    wanted.let_look(made, train, None)
    return Fit(
        r=made.r,
        cv_r=solution.cv_r,
        alpha=solution.alpha,
        coef=made.coef,
        prediction=made.prediction,
        details=told(design, valid, solution.solver or solver),
        nested=row.nested(problem, prepared) if nested and row.nested is not None else None,
        intercept=mean_response(train) if intercept else None,
    )


def told(design: Design, valid: FloatArray, solver: str) -> dict[str, Any]:
    """What a fit says of itself: its solver and its sizes."""
    return {
        "solver": solver,
        "features": design.train.shape[1],
        "samples": len(design.train),
        "validation_samples": len(valid),
    }


def check(design: Design, train: Responses, valid: FloatArray, alphas: NDArray[np.float64]) -> None:
    """Raise FitError unless the arrays of a fit belong together and are finite."""
    if valid.shape != (len(design.valid), train.shape[1]):
        raise FitError(
            f"validation responses have shape {valid.shape}; expected "
            f"{(len(design.valid), train.shape[1])}"
        )
    _check_training(design.train, train, alphas)
    if isinstance(train, np.ndarray):  # those on a device were looked through there
        check_finite(valid, "validation")


def _check_training(train: FloatArray, response: Responses, alphas: NDArray[np.float64]) -> None:
    if len(response.shape) != 2 or len(response) != len(train):
        raise FitError(
            f"responses have shape {response.shape} for {len(train)} rows of the design; expected "
            f"({len(train)}, voxels)"
        )
    check_alphas(alphas)
    if isinstance(response, np.ndarray):
        check_finite(response, "training")


def check_alphas(alphas: NDArray[np.float64]) -> None:
    """FitError unless there are penalties, all of them finite and above 0."""
    if alphas.ndim != 1 or not len(alphas) or not (np.isfinite(alphas) & (alphas > 0)).all():
        raise FitError("alphas must be one or more finite numbers above 0")


def check_finite(response: FloatArray, part: str) -> None:
    """FitError, naming the first voxel and row, if a response is not finite."""
    for start in range(0, response.shape[1], BLOCK):
        bad = ~np.isfinite(response[:, start : start + BLOCK])
        if bad.any():
            rows, columns = np.nonzero(bad)
            raise FitError(
                f"voxel {start + int(columns.min())} (column of the {part} responses) holds values "
                f"that are not finite, first in row {int(rows.min())}; {len(np.unique(columns))} "
                "such voxels in this block; mask them or repair the file"
            )
