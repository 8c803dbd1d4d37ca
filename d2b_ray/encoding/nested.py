"""Predictions of the training rows by models that never saw their group: nested cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.encoding.batches import on_host
from d2b_ray.encoding.centring import mean_response
from d2b_ray.encoding.dual import solve_dual
from d2b_ray.encoding.kernels import Kernels
from d2b_ray.encoding.primal import solve_primal
from d2b_ray.encoding.products import predicted
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray
    from d2b_ray.catalog.solvers import Responses
    from d2b_ray.encoding.grams import Grams

__all__ = ["nested_predictions"]


def nested_predictions(
    train: FloatArray,
    response: Responses,
    alphas: NDArray[np.float64],
    parts: Grams | Kernels,
    device: str,
    memory_budget_bytes: int,
) -> FloatArray:
    """Leave-one-group-out predictions (n, V): penalties chosen among the other groups, refit on them.

    With an intercept they are told as deviations from the mean response of all rows.

    `train` (n, p) not centred (each model centres by the mean of the rows it saw, and with an
    intercept responses too), `response` (n, V). The Grams or kernels of all rows serve every outer
    fold. Raises FitError for fewer than 3 groups, where nothing is left to choose by.
    """
    if len(parts.folds) < 3:
        raise FitError(
            f"nested predictions need 3 groups of titles or more; there are {len(parts.folds)}"
        )
    response = on_host(response)  # each model centres them by the rows that it saw
    out = np.empty_like(response, dtype=np.float32)
    level = mean_response(response)
    for number, fold in enumerate(parts.folds):
        inner = parts.without(number)
        seen, known = train, response
        if isinstance(inner, Kernels):  # a kernel has rows and columns of the inner rows only
            keep = np.r_[0 : fold.start, fold.stop : len(train)]
            seen, known = train[keep], response[keep]
        else:
            inner = inner.rotated(train, device)
        factorization = inner.factorize(device)
        solve = solve_primal if factorization.primal else solve_dual
        solution = solve(seen, known, alphas, factorization, device, memory_budget_bytes)
        held = (train[fold.start : fold.stop] - inner.mean).astype(np.float32)
        found = predicted(held, solution.coef, device)
        if inner.intercept:
            found += (mean_response(known, inner.folds) - level).astype(np.float32)
        out[fold.start : fold.stop] = found
    return out
