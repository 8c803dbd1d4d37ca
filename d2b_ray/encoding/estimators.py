"""scikit-learn style estimators with himalaya's attribute names. Thin: the solvers do the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from d2b_ray.encoding.fit import BUDGET_BYTES, solve
from d2b_ray.encoding.scoring import correlation
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Array, FloatArray, IntArray

__all__ = ["ALPHAS", "KernelRidgeCV", "RidgeCV"]

ALPHAS = tuple(float(alpha) for alpha in np.logspace(-12, 12, 25))


class RidgeCV(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Ridge regression with one penalty a voxel, chosen by leave-one-group-out cross-validation.

    min ||Y - X B||^2 + alpha_v ||B_v||^2, score = mean over folds of the correlation on the
    held-out group. X is centred by its mean over all rows; there is no intercept.

    Parameters: `alphas` penalties to choose from; `device` "cpu" or "cuda"; `memory_budget_bytes`
    bound on the working memory. Attributes after `fit`: `coef_` (p, V), `best_alphas_` (V,),
    `cv_scores_` (V,), `feature_mean_` (p,), `n_features_in_`. See `KernelRidgeCV` for n < p.
    """

    _solver = "ridge"

    def __init__(
        self,
        alphas: Sequence[float] = ALPHAS,
        *,
        device: str = "cpu",
        memory_budget_bytes: int = BUDGET_BYTES,
    ) -> None:
        self.alphas = alphas
        self.device = device
        self.memory_budget_bytes = memory_budget_bytes

    def fit(self, X: Array, y: Array, groups: IntArray) -> Self:
        """Fit on X (n, p), y (n, V); `groups` (n,) of whole titles, in any order."""
        rows = np.asarray(X, np.float32)
        if rows.ndim != 2:
            raise FitError(f"X has {rows.ndim} dimensions; expected (samples, features)")
        response = np.asarray(y, np.float32)
        order = np.argsort(groups, kind="stable")
        solution, _ = solve(
            rows[order],
            response[order],
            np.asarray(groups)[order],
            factorization=None,
            alphas=self.alphas,
            solver=self._solver,
            device=self.device,
            memory_budget_bytes=self.memory_budget_bytes,
        )
        self.coef_ = solution.coef
        self.best_alphas_ = solution.alpha
        self.cv_scores_ = solution.cv_r
        self.feature_mean_ = rows.mean(0, dtype=np.float64)
        self.n_features_in_ = rows.shape[1]
        return self

    def predict(self, X: Array) -> FloatArray:
        """(X - feature_mean_) coef_, (n, V) float32."""
        rows = np.asarray(X, np.float32) - self.feature_mean_
        found: FloatArray = rows.astype(np.float32) @ self.coef_
        return found

    def score(self, X: Array, y: Array) -> FloatArray:
        """Correlation of prediction and response, (V,)."""
        return correlation(self.predict(X), np.asarray(y, np.float32))


class KernelRidgeCV(RidgeCV):
    """The same model by its linear kernel: for fewer samples than features. Same attributes."""

    _solver = "kernel_ridge"
