"""scikit-learn style estimators with himalaya's attribute names. Thin: the solvers do the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from d2b_ray.arrays import Band
from d2b_ray.catalog.solvers import BANDED_SOLVERS, RIDGE_SOLVERS, Problem, Search
from d2b_ray.encoding.centring import mean_response
from d2b_ray.encoding.fit import BUDGET_BYTES, check_alphas, prepared_for
from d2b_ray.encoding.outcome import as_array
from d2b_ray.encoding.products import predicted
from d2b_ray.encoding.scoring import correlation
from d2b_ray.encoding.split import split_correlation, split_prediction
from d2b_ray.encoding.validation import check_device, check_response, check_training
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Array, FloatArray
    from d2b_ray.catalog.solvers import Solution

__all__ = ["ALPHAS", "BandedRidgeCV", "KernelRidgeCV", "RidgeCV"]

ALPHAS = tuple(float(alpha) for alpha in np.logspace(-12, 12, 25))


class RidgeCV(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Ridge regression with one penalty a voxel, chosen by leave-one-group-out cross-validation.

    min ||Y - X B||^2 + alpha_v ||B_v||^2, score = mean over folds of the correlation on the
    held-out group. X is centred by its mean over all rows and, with `fit_intercept`, X and Y by those
    of the training rows in each fold, as in himalaya.

    Parameters: `alphas` penalties to choose from; `fit_intercept`; `cv` folds of consecutive rows where
    `fit` is given no groups; `device` "cpu" or "cuda"; `memory_budget_bytes` bound on the working
    memory. Attributes after `fit`: `coef_` (p, V), `intercept_` (V,), so that X coef_ + intercept_
    predicts; `best_alphas_` (V,), `cv_scores_` (V,), `feature_mean_` (p,), `response_mean_` (V,),
    `n_features_in_`, `feature_names_in_`. Of y (n,) `coef_` is (p,) and predictions are (n,).
    See `KernelRidgeCV` for n < p.

    In `cross_validate` and in searches ask for the groups first: `sklearn.set_config(
    enable_metadata_routing=True)`, `RidgeCV().set_fit_request(groups=True)`; in a Pipeline, pass
    `ridgecv__groups` to `fit`.
    """

    _solver = "ridge"

    def __init__(
        self,
        alphas: Sequence[float] = ALPHAS,
        *,
        fit_intercept: bool = True,
        cv: int = 5,
        device: str = "cpu",
        memory_budget_bytes: int = BUDGET_BYTES,
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.device = device
        self.memory_budget_bytes = memory_budget_bytes

    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Self:
        """Fit on X (n, p), y (n, V) or (n,); `groups` (n,) of whole titles, in any order, any labels.

        Rows of a group are held out together. Raises ValueError for lengths that differ, values that
        are not finite, fewer than two groups.
        """
        rows, response, sorted_groups = self._validated(X, y, groups)
        problem = Problem(
            rows, response, sorted_groups, np.asarray(self.alphas, np.float64), self._bands(rows),
            self._search(), self.device, self.memory_budget_bytes, self.fit_intercept,
        )  # fmt: skip
        row = self._row()
        self._keep(problem, row.solve(problem, prepared_for(row, problem)))
        return self

    def predict(self, X: Array) -> FloatArray:
        """(X - feature_mean_) coef_ + response_mean_, (n, V) float32, or (n,)."""
        rows = self._rows(X)
        found: FloatArray = rows @ self.coef_
        if self.fit_intercept:
            found = (found + self._like_y(self.response_mean_)).astype(np.float32)
        return found

    def score(self, X: Array, y: Array, sample_weight: None = None) -> float:
        """Mean over voxels of `score_voxels`: one number, as searches need it. Rows have no weights."""
        if sample_weight is not None:
            raise FitError("sample_weight is not supported: all rows count alike; leave it out")
        return float(np.mean(self.score_voxels(X, y), dtype=float))

    def score_voxels(self, X: Array, y: Array) -> FloatArray:
        """Correlation of prediction and response, (V,)."""
        return correlation(_columns(self.predict(X)), _columns(check_response(y)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _row(self) -> Any:
        return RIDGE_SOLVERS[self._solver]

    def _search(self) -> Search:
        return Search()

    def _bands(self, rows: FloatArray) -> tuple[Band, ...]:
        return (Band("", 0, rows.shape[1]),)

    def _validated(
        self, X: Array, y: Array, groups: Array | None
    ) -> tuple[FloatArray, FloatArray, Array]:
        """Rows and responses float32, stably sorted by group, and the groups as numbers."""
        check_device(self.device)
        check_alphas(np.asarray(self.alphas, np.float64))
        rows, response, numbers = check_training(self, X, y, groups, self.cv)
        self._one_dimensional = response.ndim == 1
        order = np.argsort(numbers, kind="stable")
        return rows[order], _columns(response)[order], numbers[order]

    def _keep(self, problem: Problem, solution: Solution) -> None:
        coef = as_array(solution.coef)
        self.coef_ = coef[:, 0] if self._one_dimensional else coef
        self.best_alphas_ = solution.alpha
        self.cv_scores_ = solution.cv_r
        self.feature_mean_ = problem.train.mean(0, dtype=np.float64)
        self.response_mean_ = np.zeros(coef.shape[1])
        if self.fit_intercept:
            self.response_mean_ = mean_response(problem.response)
        level = predicted(self.feature_mean_[None], coef, "cpu")[0]
        self.intercept_ = self._like_y(self.response_mean_ - level)

    def _like_y(self, values: Array) -> Any:
        return values[0] if self._one_dimensional else values

    def _rows(self, X: Array) -> FloatArray:
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=np.float32)
        centred: FloatArray = (rows - self.feature_mean_).astype(np.float32)
        return centred


class KernelRidgeCV(RidgeCV):
    """The same model by its linear kernel: for fewer samples than features. Same attributes."""

    _solver = "kernel_ridge"


class BandedRidgeCV(RidgeCV):
    """Ridge with a penalty a band and voxel (himalaya's GroupRidgeCV and MultipleKernelRidgeCV).

    min ||Y - sum_b X_b B_b||^2 + sum_b (alpha / gamma_b) ||B_b||^2; gamma by random search and, if
    `search.refine`, around what it found. `form` is the solver: `auto` is primal for n >= p, else by
    kernels; `primal` and `kernel` force one.

    Parameters: `widths` columns of each band, in order (None: one band); `search` a `Search` (None: its
    defaults); others as `RidgeCV`. Attributes after `fit`: those of `RidgeCV`, `deltas_` (bands, V)
    log(gamma / alpha),
    `gammas_` (bands, V), `search_scores_` (candidates, V).
    """

    def __init__(
        self,
        widths: Sequence[int] | None = None,
        alphas: Sequence[float] = ALPHAS,
        *,
        search: Search | None = None,
        form: str = "auto",
        fit_intercept: bool = True,
        cv: int = 5,
        device: str = "cpu",
        memory_budget_bytes: int = BUDGET_BYTES,
    ) -> None:
        super().__init__(
            alphas,
            fit_intercept=fit_intercept,
            cv=cv,
            device=device,
            memory_budget_bytes=memory_budget_bytes,
        )
        self.widths = widths
        self.search = search
        self.form = form

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands as ranges of columns, once the number of columns is known."""
        widths = [self.n_features_in_] if self.widths is None else self.widths
        edges = np.cumsum([0, *widths]).tolist()
        return tuple(
            Band(str(number), edges[number], edges[number + 1]) for number in range(len(widths))
        )

    def predict_split(self, X: Array) -> FloatArray:
        """Prediction of each band, (bands, n, V); with `response_mean_` they add up to `predict`."""
        rows = self._rows(X)
        return split_prediction(rows, _columns(self.coef_), self.bands)

    def score_split(self, X: Array, y: Array) -> FloatArray:
        """Share of each band in the correlation, (bands, V); they add up to `score_voxels`."""
        return split_correlation(self.predict_split(X), _columns(check_response(y)))

    def _row(self) -> Any:
        if self.form not in BANDED_SOLVERS:
            allowed = ", ".join(BANDED_SOLVERS.names)
            raise FitError(f"form {self.form!r} does not exist; allowed: {allowed}")
        return BANDED_SOLVERS[self.form]

    def _search(self) -> Search:
        return Search() if self.search is None else self.search

    def _bands(self, rows: FloatArray) -> tuple[Band, ...]:
        bands = self.bands
        if bands[-1].stop != rows.shape[1]:
            raise FitError(
                f"bands of widths {list(self.widths or ())} cover {bands[-1].stop} columns; X has "
                f"{rows.shape[1]}"
            )
        return bands

    def _keep(self, problem: Problem, solution: Any) -> None:
        super()._keep(problem, solution)
        self.deltas_ = solution.deltas
        self.gammas_ = solution.gamma
        self.search_scores_ = solution.history


def _columns(values: FloatArray) -> FloatArray:
    """(n,) as (n, 1)."""
    return values[:, None] if values.ndim == 1 else values
