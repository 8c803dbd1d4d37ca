"""Nested predictions: the old code's, and that a model never saw what it predicts."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import arrays

from d2b_ray.encoding import RidgeCV
from d2b_ray.encoding.grams import make_grams
from d2b_ray.encoding.kernels import make_kernels
from d2b_ray.encoding.nested import nested_predictions
from d2b_ray.errors import FitError

BUDGET = 1 << 28


@pytest.mark.parametrize("make", [make_grams, make_kernels])
@pytest.mark.parametrize("case", ["mono_primal", "mono_kernel"])
def test_golden(case, make):
    golden = arrays(case)
    groups = np.repeat(np.arange(4), golden["fold_sizes"])
    parts = make(golden["x_train"], groups, "cpu", intercept=False)
    found = nested_predictions(
        golden["x_train"], golden["y_train"], golden["alphas"], parts, "cpu", BUDGET
    )
    error = np.abs(found - golden["pred_trn"]).max(0)
    # tiny penalties in the old float32 kernel are rounding (see test_ridge), so some voxels differ
    assert (error < 7e-4).mean() > (0.95 if case == "mono_primal" else 0.6)


@pytest.mark.parametrize("make", [make_grams, make_kernels])
@pytest.mark.parametrize("intercept", [True, False])
def test_each_group_is_predicted_by_a_fit_of_the_others(make, intercept):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 15)).astype(np.float32) + 2
    y = (x @ rng.standard_normal((15, 6)) + rng.standard_normal((120, 6)) + 5).astype(np.float32)
    groups = np.arange(120) // 30
    alphas = np.logspace(-2, 4, 7)
    found = nested_predictions(
        x, y, alphas, make(x, groups, "cpu", intercept=intercept), "cpu", BUDGET
    )
    for group in range(4):
        inner = groups != group
        model = RidgeCV(alphas, fit_intercept=intercept).fit(x[inner], y[inner], groups[inner])
        expected = model.predict(x[~inner]) - (y.mean(0) if intercept else 0)
        np.testing.assert_allclose(found[~inner], expected, atol=1e-4)


def test_two_groups_are_too_few():
    x = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    parts = make_grams(x, np.arange(20) // 10, "cpu")
    with pytest.raises(FitError, match="3 groups"):
        nested_predictions(x, x, np.ones(1), parts, "cpu", BUDGET)
