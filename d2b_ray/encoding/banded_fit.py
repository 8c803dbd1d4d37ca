"""One subject's banded fit on one design: search, predict the validation rows, split, score."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import BandShares, Fit
from d2b_ray.catalog.solvers import BANDED_SOLVERS, Problem
from d2b_ray.encoding.centring import mean_response
from d2b_ray.encoding.fit import BUDGET_BYTES, check, prepared_for
from d2b_ray.encoding.products import predicted
from d2b_ray.encoding.scoring import correlation
from d2b_ray.encoding.split import split_correlation, split_prediction
from d2b_ray.encoding.unique import unique_variance
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Design, FloatArray
    from d2b_ray.catalog.solvers import BandedSolution, Search

__all__ = ["fit_banded"]


def fit_banded(
    design: Design,
    train: FloatArray,
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
) -> Fit:
    """Banded ridge on the bands of a design, named `names`; otherwise as `fit_ridge`.

    `parts` is what the solver prepared of the design, to share it between subjects; `unique` also fits
    without each band in turn, and `without` keeps the predictions of these fits.
    """
    row = BANDED_SOLVERS[solver]
    if len(names) != len(design.bands):
        raise FitError(f"{len(names)} names for {len(design.bands)} bands of the design")
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
    rows = (design.valid - design.train.mean(0, dtype=np.float64)).astype(np.float32)
    prediction = predicted(rows, solution.coef, device)
    r = correlation(prediction, valid)
    shares = _shares(design, rows, valid, solution, names)
    if unique and row.without is not None:
        fit_without = partial(row.without, problem, prepared)
        lost, kept = unique_variance(design, valid, r, fit_without, device, keep=without)
        shares = replace(shares, unique=lost, without=kept)
    return Fit(
        r=r,
        cv_r=solution.cv_r,
        alpha=solution.alpha,
        coef=solution.coef,
        prediction=prediction,
        details={
            "solver": solution.solver or solver,
            "features": design.train.shape[1],
            "samples": len(train),
        },
        bands=shares,
        intercept=mean_response(train) if intercept else None,
    )


def _shares(
    design: Design,
    rows: FloatArray,
    valid: FloatArray,
    solution: BandedSolution,
    names: Sequence[str],
) -> BandShares:
    """What each band has of a solution on the validation `rows` (n_valid, p), centred."""
    split = split_prediction(rows, solution.coef, design.bands)
    return BandShares(
        names=tuple(names),
        columns=tuple((band.start, band.stop) for band in design.bands),
        r=split_correlation(split, valid),
        own_r=np.stack([correlation(own, valid) for own in split]),
        gamma=solution.gamma,
        prediction=split,
    )
