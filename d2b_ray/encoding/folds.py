"""Cross-validation folds: each group of whole titles is held out once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import IntArray

__all__ = ["Fold", "folds_of", "splits_of"]


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows `start` to `stop` are held out."""

    start: int
    stop: int


def folds_of(groups: IntArray) -> tuple[Fold, ...]:
    """Leave-one-group-out folds of rows that are sorted by group.

    `groups` (n,) non-decreasing. Raises FitError when it is not, or when there is one group only.
    """
    groups = np.asarray(groups)
    if groups.ndim != 1 or (np.diff(groups) < 0).any():
        raise FitError("groups must be one number a row and non-decreasing; sort the rows by group")
    edges = np.flatnonzero(np.diff(groups)) + 1
    starts = [0, *edges.tolist()]
    stops = [*edges.tolist(), len(groups)]
    if len(starts) < 2:
        raise FitError(
            f"cross-validation needs 2 groups of titles or more; the {len(groups)} training rows "
            "have one (column cv_group of the run table)"
        )
    return tuple(Fold(start, stop) for start, stop in zip(starts, stops, strict=True))


def splits_of(groups: IntArray) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Training and held-out rows of each fold, as scikit-learn and himalaya take them."""
    everything = np.arange(len(groups))
    return [
        (
            np.concatenate([everything[: f.start], everything[f.stop :]]),
            everything[f.start : f.stop],
        )
        for f in folds_of(groups)
    ]
