"""What estimators refuse before anything is fitted: scikit-learn's own checks, and words of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from d2b_ray.arrays import Array, FloatArray, IntArray

__all__ = ["check_device", "check_response", "check_training"]


def check_device(device: str) -> None:
    """FitError for a device that does not exist here."""
    import torch

    kind, _, number = str(device).partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
        raise FitError(f'device: {device!r} is not known; must be "cpu", "cuda" or "cuda:0"')
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise FitError(
            f'device: {device!r} is not there; torch sees {torch.cuda.device_count()} GPUs: use "cpu"'
        )


def check_training(
    estimator: Any, X: Array, y: Array, groups: Array | None, cv: int
) -> tuple[FloatArray, FloatArray, IntArray]:
    """X (n, p), y (n, V) or (n,), float32 and finite, and groups (n,) as numbers.

    Groups are numbered in the order of their labels; without any there are `cv` folds of consecutive
    rows. Raises ValueError for sparse input, lengths that differ and values that are not finite.
    """
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    rows = validate_data(estimator, X, dtype=np.float32, ensure_min_samples=2)
    response = check_response(y)
    check_consistent_length(rows, response)
    if groups is None:
        if not isinstance(cv, int) or not cv >= 2:
            raise FitError(f"cv: {cv!r} is not allowed; must be an integer >= 2, or give groups")
        folds = min(cv, len(rows))
        return rows, response, np.arange(len(rows)) * folds // len(rows)
    labels = column_or_1d(np.asarray(groups))
    check_consistent_length(rows, labels)
    return rows, response, np.unique(labels, return_inverse=True)[1]


def check_response(y: Array) -> FloatArray:
    """y (n, V) or (n,) as float32; ValueError for sparse or text, and values that are not finite."""
    if issparse(y):
        raise TypeError("sparse y is not supported: give a dense array of responses, y.toarray()")
    found: FloatArray = check_array(
        y, ensure_2d=False, allow_nd=False, dtype=np.float32, input_name="y"
    )
    return found
