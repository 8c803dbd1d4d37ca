"""scikit-learn style estimators with himalaya's attribute names. Thin: the solvers do the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from d2b_ray.arrays import Band
from d2b_ray.catalog.solvers import BANDED_SOLVERS, Problem, Search
from d2b_ray.encoding.fit import BUDGET_BYTES, prepared_for, solve
from d2b_ray.encoding.scoring import correlation
from d2b_ray.encoding.split import split_correlation, split_prediction
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Array, FloatArray, IntArray

__all__ = ["ALPHAS", "BandedRidgeCV", "KernelRidgeCV", "RidgeCV"]

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
        rows, response, sorted_groups = _sorted(X, y, groups)
        solution, _ = solve(
            rows,
            response,
            sorted_groups,
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
        found: FloatArray = self._rows(X) @ self.coef_
        return found

    def score(self, X: Array, y: Array) -> FloatArray:
        """Correlation of prediction and response, (V,)."""
        return correlation(self.predict(X), np.asarray(y, np.float32))

    def _rows(self, X: Array) -> FloatArray:
        rows: FloatArray = (np.asarray(X, np.float32) - self.feature_mean_).astype(np.float32)
        return rows


class KernelRidgeCV(RidgeCV):
    """The same model by its linear kernel: for fewer samples than features. Same attributes."""

    _solver = "kernel_ridge"


class BandedRidgeCV(RidgeCV):
    """Ridge with a penalty a band and voxel (himalaya's GroupRidgeCV and MultipleKernelRidgeCV).

    min ||Y - sum_b X_b B_b||^2 + sum_b (alpha / gamma_b) ||B_b||^2; gamma by random search and, if
    `search.refine`, around what it found. `form` is the solver: `auto` is primal for n >= p, else by
    kernels; `primal` and `kernel` force one.

    Parameters: `widths` columns of each band, in order; `search` a `Search`; others as `RidgeCV`.
    Attributes after `fit`: those of `RidgeCV`, and `deltas_` (bands, V) log(gamma / alpha),
    `gammas_` (bands, V), `search_scores_` (candidates, V).
    """

    def __init__(
        self,
        widths: Sequence[int],
        alphas: Sequence[float] = ALPHAS,
        *,
        search: Search = Search(),  # noqa: B008  # frozen
        form: str = "auto",
        device: str = "cpu",
        memory_budget_bytes: int = BUDGET_BYTES,
    ) -> None:
        super().__init__(alphas, device=device, memory_budget_bytes=memory_budget_bytes)
        self.widths = widths
        self.search = search
        self.form = form

    def fit(self, X: Array, y: Array, groups: IntArray) -> Self:
        """Fit on X (n, p), y (n, V); `groups` (n,) of whole titles, in any order."""
        rows, response, sorted_groups = _sorted(X, y, groups)
        if sum(self.widths) != rows.shape[1]:
            raise FitError(
                f"bands of widths {list(self.widths)} cover {sum(self.widths)} columns; X has "
                f"{rows.shape[1]}"
            )
        if self.form not in BANDED_SOLVERS:
            allowed = ", ".join(BANDED_SOLVERS.names)
            raise FitError(f"form {self.form!r} does not exist; allowed: {allowed}")
        row = BANDED_SOLVERS[self.form]
        problem = Problem(
            rows, response, sorted_groups, np.asarray(self.alphas, np.float64), self.bands,
            self.search, self.device, self.memory_budget_bytes,
        )  # fmt: skip
        solution = row.solve(problem, prepared_for(row, problem))
        self.coef_ = solution.coef
        self.best_alphas_ = solution.alpha
        self.cv_scores_ = solution.cv_r
        self.deltas_ = solution.deltas
        self.gammas_ = solution.gamma
        self.search_scores_ = solution.history
        self.feature_mean_ = rows.mean(0, dtype=np.float64)
        self.n_features_in_ = rows.shape[1]
        return self

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands as ranges of columns."""
        edges = np.cumsum([0, *self.widths]).tolist()
        return tuple(
            Band(str(number), edges[number], edges[number + 1])
            for number in range(len(self.widths))
        )

    def predict_split(self, X: Array) -> FloatArray:
        """Prediction of each band, (bands, n, V); they add up to `predict`."""
        return split_prediction(self._rows(X), self.coef_, self.bands)

    def score_split(self, X: Array, y: Array) -> FloatArray:
        """Share of each band in the correlation, (bands, V); they add up to `score`."""
        return split_correlation(self.predict_split(X), np.asarray(y, np.float32))


def _sorted(X: Array, y: Array, groups: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Rows stably sorted by group, float32."""
    rows = np.asarray(X, np.float32)
    if rows.ndim != 2:
        raise FitError(f"X has {rows.ndim} dimensions; expected (samples, features)")
    order = np.argsort(groups, kind="stable")
    return rows[order], np.asarray(y, np.float32)[order], np.asarray(groups)[order]
