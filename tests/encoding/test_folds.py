"""Folds: the old code's, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import arrays

from d2b_ray.encoding.folds import folds_of
from d2b_ray.errors import FitError


def test_golden_membership():
    golden = arrays("cv")
    order = np.argsort(golden["group"], kind="stable")
    folds = folds_of(golden["group"][order])
    assert [fold.stop - fold.start for fold in folds] == golden["fold_sizes"].tolist()
    old_order = golden["order"]
    for number, fold in enumerate(folds):
        mine = set(order[fold.start : fold.stop].tolist())
        assert mine == set(old_order[golden[f"val{number}"]].tolist())


def test_unsorted_groups_are_refused():
    with pytest.raises(FitError, match="sort the rows by group"):
        folds_of(np.array([0, 1, 0]))
