"""Delays as a scikit-learn transformer, for pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from d2b_ray.design.delays import Delays, delay

if TYPE_CHECKING:
    from d2b_ray.arrays import Array, FloatArray

__all__ = ["Delayer"]


class Delayer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features (n, p) shifted by `start` to `end` samples, both included: side by side, or their mean.

    out[t] = x[t - s] for each shift s (`combine` concat: (n, p * shifts), columns ordered by shift), or
    their mean (`mean`: (n, p)); rows with t < s count as zero. `runs` (n,) in `transform` names the
    run of each row: none is shifted into the next. After himalaya's `Delayer`.
    """

    def __init__(self, start: int = 1, end: int = 4, combine: str = "concat") -> None:
        self.start = start
        self.end = end
        self.combine = combine

    def fit(self, X: Array, y: Any = None) -> Self:  # scikit-learn's name
        """Check the features; nothing is learnt."""
        validate_data(self, X, dtype=np.float32)
        self._delays()
        return self

    def transform(self, X: Array, runs: Array | None = None) -> FloatArray:
        """Delayed features, float32."""
        check_is_fitted(self, "n_features_in_")
        rows = validate_data(self, X, reset=False, dtype=np.float32)
        if runs is None:
            return delay(rows, self._delays())
        names = np.asarray(runs)
        if names.shape != (len(rows),):
            raise ValueError(f"runs has shape {names.shape}; must be ({len(rows)},), a name a row")
        starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
        parts = np.split(rows, starts[1:])
        return np.concatenate([delay(part, self._delays()) for part in parts])

    def _delays(self) -> Delays:
        return Delays(self.start, self.end, self.combine)  # type: ignore[arg-type]  # checked there
