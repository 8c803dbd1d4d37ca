"""One subject's banded fit on one design: search, predict the validation rows, split, score."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.arrays import BandShares, Fit
from d2b_ray.encoding.fit import BUDGET_BYTES, band_parts, check
from d2b_ray.encoding.kernels import Kernels
from d2b_ray.encoding.products import predicted
from d2b_ray.encoding.reference import solve_banded_by_himalaya
from d2b_ray.encoding.scoring import correlation
from d2b_ray.encoding.search import Search, search_bands
from d2b_ray.encoding.split import split_correlation, split_prediction
from d2b_ray.encoding.unique import unique_variance
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Design, FloatArray
    from d2b_ray.encoding.banded import BandedSolution
    from d2b_ray.encoding.grams import Grams

__all__ = ["BANDED_SOLVERS", "fit_banded"]

BANDED_SOLVERS = ("auto", "primal", "kernel", "himalaya")


def fit_banded(
    design: Design,
    train: FloatArray,
    valid: FloatArray,
    *,
    names: Sequence[str],
    parts: Grams | Kernels | None = None,
    alphas: Sequence[float],
    search: Search,
    solver: str = "auto",
    device: str = "cpu",
    memory_budget_bytes: int = BUDGET_BYTES,
    unique: bool = False,
    without: bool = False,
) -> Fit:
    """Banded ridge on the bands of a design, named `names`; otherwise as `fit_ridge`.

    `parts` is what `band_parts` made of the design, to share it between subjects; `unique` also fits
    without each band in turn, and `without` keeps the predictions of these fits.
    """
    if solver not in BANDED_SOLVERS:
        raise FitError(f"solver {solver!r} does not exist; allowed: {', '.join(BANDED_SOLVERS)}")
    if len(names) != len(design.bands):
        raise FitError(f"{len(names)} names for {len(design.bands)} bands of the design")
    penalties = np.asarray(alphas, np.float64)
    check(design, train, valid, penalties)
    if unique and solver == "himalaya":
        raise FitError("unique variance is not computed by solver himalaya; use auto")
    if parts is None and solver != "himalaya":
        parts = band_parts(design.train, design.groups, design.bands, form=solver, device=device)
    if parts is None:
        used = "himalaya"
        solution = solve_banded_by_himalaya(
            design.train, train, design.groups, design.bands, penalties, search, device
        )
    else:
        used = "banded kernel" if isinstance(parts, Kernels) else "banded primal"
        solution = search_bands(
            design.train, train, design.bands, penalties, search, parts, device, memory_budget_bytes
        )
    rows = (design.valid - design.train.mean(0, dtype=np.float64)).astype(np.float32)
    prediction = predicted(rows, solution.coef, device)
    r = correlation(prediction, valid)
    shares = _shares(design, rows, valid, solution, names)
    if unique and parts is not None:
        lost, kept = unique_variance(
            design, train, valid, r, penalties, search, parts, device, memory_budget_bytes,
            keep=without,
        )  # fmt: skip
        shares = replace(shares, unique=lost, without=kept)
    return Fit(
        r=r,
        cv_r=solution.cv_r,
        alpha=solution.alpha,
        coef=solution.coef,
        prediction=prediction,
        details={"solver": used, "features": design.train.shape[1], "samples": len(train)},
        bands=shares,
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
        gamma=solution.gamma,
        prediction=split,
    )
