"""One subject's fit on one design: choose the solver, solve, predict the validation rows, score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.arrays import Fit
from d2b_ray.encoding.grams import make_grams
from d2b_ray.encoding.kernels import make_kernels
from d2b_ray.encoding.nested import nested_predictions
from d2b_ray.encoding.products import predicted
from d2b_ray.encoding.reference import solve_by_himalaya
from d2b_ray.encoding.scoring import BLOCK, correlation
from d2b_ray.encoding.solvers import SOLVERS, Solution
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Band, Design, FloatArray, IntArray
    from d2b_ray.encoding.factorization import Factorization
    from d2b_ray.encoding.grams import Grams
    from d2b_ray.encoding.kernels import Kernels

__all__ = [
    "BUDGET_BYTES",
    "band_parts",
    "check",
    "factorize",
    "fit_ridge",
    "solve",
]

BUDGET_BYTES = 1 << 30
NAMES = ("auto", "ridge", "kernel_ridge", "himalaya")


def factorize(
    train: FloatArray, groups: IntArray, *, solver: str = "auto", device: str = "cpu"
) -> Factorization:
    """All that a fit needs of the design alone: one for every subject that saw the same rows.

    `train` (n, p) not centred; `groups` (n,) non-decreasing. `solver`: `ridge`, `kernel_ridge`, or
    `auto`, which takes the first for n >= p. Raises FitError for another name.
    """
    if solver not in ("auto", "ridge", "kernel_ridge"):
        raise FitError(f"solver {solver!r} has no factorization; allowed: {', '.join(NAMES[:3])}")
    if len(groups) != len(train):
        raise FitError(f"{len(groups)} groups for {len(train)} rows of the design")
    primal = solver == "ridge" or (solver == "auto" and train.shape[0] >= train.shape[1])
    make = make_grams if primal else make_kernels
    return make(train, groups, device).factorize(device)


def band_parts(
    train: FloatArray,
    groups: IntArray,
    bands: Sequence[Band],
    *,
    form: str = "auto",
    device: str = "cpu",
) -> Grams | Kernels:
    """All that a banded fit needs of the design alone: Grams (`primal`) or a kernel a band.

    `form` `auto` takes the first for n >= p.
    """
    if form not in ("auto", "primal", "kernel"):
        raise FitError(f"form {form!r} does not exist; allowed: auto, primal, kernel")
    if form == "primal" or (form == "auto" and train.shape[0] >= train.shape[1]):
        return make_grams(train, groups, device)
    return make_kernels(train, groups, device, [band.start for band in bands[1:]])


def solve(
    train: FloatArray,
    response: FloatArray,
    groups: IntArray,
    *,
    factorization: Factorization | None,
    alphas: Sequence[float],
    solver: str,
    device: str,
    memory_budget_bytes: int,
) -> tuple[Solution, str]:
    """The solution and the name of the solver that found it. Shapes as in `fit_ridge`."""
    penalties = np.asarray(alphas, np.float64)
    if solver not in NAMES:
        raise FitError(f"solver {solver!r} does not exist; allowed: {', '.join(NAMES)}")
    _check_training(train, response, penalties)
    if solver == "himalaya":
        return solve_by_himalaya(train, response, groups, penalties, device), "himalaya"
    if factorization is None:
        factorization = factorize(train, groups, solver=solver, device=device)
    found = SOLVERS[factorization.kind](
        train, response, penalties, factorization, device, memory_budget_bytes
    )
    return found, factorization.kind


def fit_ridge(
    design: Design,
    train: FloatArray,
    valid: FloatArray,
    *,
    factorization: Factorization | None = None,
    alphas: Sequence[float],
    solver: str = "auto",
    device: str = "cpu",
    memory_budget_bytes: int = BUDGET_BYTES,
    nested: bool = False,
) -> Fit:
    """Ridge with a penalty a voxel, and its score on the validation rows.

    The design is centred by its training mean, not scaled; responses are taken as they are; there
    is no intercept. Per fold and penalty the correlation on the held-out group; the mean over
    folds chooses; refit on all rows. `train` (n, V) and `valid` (n_valid, V) responses; `nested`
    also predicts the training rows. Raises FitError when shapes do not fit together or values are
    not finite.
    """
    check(design, train, valid, np.asarray(alphas, np.float64))
    solution, name = solve(
        design.train,
        train,
        design.groups,
        factorization=factorization,
        alphas=alphas,
        solver=solver,
        device=device,
        memory_budget_bytes=memory_budget_bytes,
    )
    rows = (design.valid - design.train.mean(0, dtype=np.float64)).astype(np.float32)
    prediction = predicted(rows, solution.coef, device)
    inner = None
    if nested:
        make = make_kernels if name == "kernel_ridge" else make_grams
        parts = make(design.train, design.groups, device)
        inner = nested_predictions(
            design.train, train, np.asarray(alphas, np.float64), parts, device, memory_budget_bytes
        )
    return Fit(
        r=correlation(prediction, valid),
        cv_r=solution.cv_r,
        alpha=solution.alpha,
        coef=solution.coef,
        prediction=prediction,
        details={"solver": name, "features": design.train.shape[1], "samples": len(train)},
        nested=inner,
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
