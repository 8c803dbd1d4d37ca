"""One subject's banded fit on one design: search, predict the validation rows, split, score."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import Fit
from d2b_ray.catalog.solvers import BANDED_SOLVERS, Problem
from d2b_ray.encoding.centring import mean_response
from d2b_ray.encoding.fit import BUDGET_BYTES, check, prepared_for, told
from d2b_ray.encoding.outcome import WHOLE, band_outcome, outcome
from d2b_ray.encoding.unique import unique_variance
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Design, FloatArray
    from d2b_ray.catalog.solvers import Responses, Search
    from d2b_ray.encoding.outcome import Wanted

__all__ = ["fit_banded"]


def fit_banded(
    design: Design,
    train: Responses,
    valid: FloatArray,
    *,
    names: Sequence[str],
    parts: Any = None,
    alphas: Sequence[float],
    search: Search,
    solver: str = "auto",
    device: str = "cpu",
    memory_budget_bytes: int = BUDGET_BYTES,
    unique: bool = False,
    without: bool = False,
    intercept: bool = True,
    silent: Sequence[str] = (),
    wanted: Wanted = WHOLE,
) -> Fit:
    """Banded ridge on the bands of a design, named `names`; otherwise as `fit_ridge`.

    `parts` is what the solver prepared of the design, to share it between subjects; `unique` also fits
    without each band in turn, and `without` keeps the predictions of these fits. `silent` bands
    (nuisance) take part in the fit, but predict nothing: their columns of the validation rows are 0,
    their own r too.
    """
    row = BANDED_SOLVERS[solver]
    if len(names) != len(design.bands):
        raise FitError(f"{len(names)} names for {len(design.bands)} bands of the design")
    design = replace(design, silent=tuple(names.index(name) for name in silent))
    penalties = np.asarray(alphas, np.float64)
    check(design, train, valid, penalties)
    if unique and row.without is None:
        raise FitError(f"unique variance is not computed by solver {solver}; use auto")
    problem = Problem(
        design.train, train, design.groups, penalties, design.bands, search,
        device, memory_budget_bytes, intercept,
    )  # fmt: skip
    prepared = prepared_for(row, problem, parts)
    solution = row.solve(problem, prepared)
    made = outcome(design, train, valid, solution, device=device, wanted=wanted)
    shares = band_outcome(design, train, valid, solution, made, names=names, wanted=wanted)
    wanted.let_look(made, train, shares)
    if unique and row.without is not None:
        fit_without = partial(row.without, problem, prepared)
        lost, kept = unique_variance(design, valid, made.r, fit_without, device, keep=without)
        shares = replace(shares, unique=lost, without=kept)
    return Fit(
        r=made.r,
        cv_r=solution.cv_r,
        alpha=solution.alpha,
        coef=made.coef,
        prediction=made.prediction,
        details=told(design, valid, solution.solver or solver),
        bands=shares,
        intercept=mean_response(train) if intercept else None,
    )
