"""Baselines: a constant that is added to responses or features moves no penalty and no score."""

from __future__ import annotations

import numpy as np
import pytest

from d2b_ray.arrays import Band, Design
from d2b_ray.encoding import (
    BandedRidgeCV,
    KernelRidgeCV,
    RidgeCV,
    Search,
    fit_banded,
    fit_ridge,
)

ALPHAS = np.logspace(-3, 6, 10)
MODELS = {
    "ridge": RidgeCV(ALPHAS),
    "kernel": KernelRidgeCV(ALPHAS),
    "banded primal": BandedRidgeCV((10, 20), ALPHAS, search=Search(n_iter=6), form="primal"),
    "banded kernel": BandedRidgeCV((10, 20), ALPHAS, search=Search(n_iter=6), form="kernel"),
}


def problem(seed=0, n=240, p=30, voxels=24):
    """Responses around 0 whose runs have levels of their own; deviations of about 100."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    y = 60 * (x @ rng.standard_normal((p, voxels)) / np.sqrt(p) + rng.standard_normal((n, voxels)))
    groups = np.arange(n) * 4 // n
    y += 30 * rng.standard_normal((4, voxels))[groups]
    return x, y, groups


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("level", [30.0, -10_000.0])
def test_a_constant_added_to_responses_changes_nothing_but_the_intercept(kind, level):
    x, y, groups = problem()
    x32 = x.astype(np.float32)
    one = MODELS[kind].fit(x32, y.astype(np.float32), groups)
    plain = {k: np.copy(getattr(one, k)) for k in ("cv_scores_", "best_alphas_", "coef_")}
    before, predicted = np.copy(one.intercept_), one.predict(x32)
    other = MODELS[kind].fit(x32, (y + level).astype(np.float32), groups)
    # float32 has 1e-3 steps at 10,000: that is 1e-5 of these deviations
    np.testing.assert_allclose(other.cv_scores_, plain["cv_scores_"], atol=3e-5)
    np.testing.assert_array_equal(other.best_alphas_, plain["best_alphas_"])
    np.testing.assert_allclose(
        other.coef_, plain["coef_"], atol=3e-4 * np.abs(plain["coef_"]).max()
    )
    np.testing.assert_allclose(other.intercept_, before + level, atol=2e-3)
    np.testing.assert_allclose(other.predict(x32), predicted + level, atol=5e-3)


@pytest.mark.parametrize("kind", MODELS)
def test_a_constant_added_to_features_changes_nothing_but_the_intercept(kind):
    x, y, groups = problem(1)
    y32 = y.astype(np.float32)
    one = MODELS[kind].fit(x.astype(np.float32), y32, groups)
    scores, alphas = np.copy(one.cv_scores_), np.copy(one.best_alphas_)
    other = MODELS[kind].fit((x + 5).astype(np.float32), y32, groups)
    np.testing.assert_allclose(other.cv_scores_, scores, atol=1e-5)
    np.testing.assert_array_equal(other.best_alphas_, alphas)


def test_without_an_intercept_a_baseline_ruins_the_scores_as_it_did():
    x, y, groups = problem(2)
    x, y = x.astype(np.float32), (y + 3_000).astype(np.float32)
    with_one = RidgeCV(ALPHAS).fit(x, y, groups).cv_scores_
    without = RidgeCV(ALPHAS, fit_intercept=False).fit(x, y, groups).cv_scores_
    assert with_one.mean() > without.mean() + 0.1


@pytest.mark.parametrize("kind", MODELS)
def test_a_voxel_more_changes_no_other(kind):
    x, y, groups = problem(3)
    x, y = x.astype(np.float32), (y + 500).astype(np.float32)
    few = MODELS[kind].fit(x, y[:, :-1], groups)
    scores, alphas = np.copy(few.cv_scores_), np.copy(few.best_alphas_)
    more = MODELS[kind].fit(x, y, groups)
    np.testing.assert_allclose(more.cv_scores_[:-1], scores, atol=1e-6)
    np.testing.assert_array_equal(more.best_alphas_[:-1], alphas)


@pytest.mark.parametrize("solver", ["ridge", "kernel_ridge", "himalaya"])
def test_a_fit_keeps_its_digits_at_a_baseline_of_10_000(solver):
    """Against the same responses in float64 by the normal equations."""
    x, y, groups = problem(4)
    x32, y32 = x.astype(np.float32), (y + 10_000).astype(np.float32)
    design = Design(x32[:180], x32[180:], groups[:180], (Band("all", 0, 30),))
    fit = fit_ridge(design, y32[:180], y32[180:], alphas=[10.0], solver=solver)
    train = x32[:180].astype(float) - x32[:180].astype(float).mean(0)
    own = y32[:180].astype(float)
    coef = np.linalg.solve(train.T @ train + 10 * np.eye(30), train.T @ (own - own.mean(0)))
    expected = (x32[180:].astype(float) - x32[:180].astype(float).mean(0)) @ coef
    tolerance = 0.5 if solver == "himalaya" else 1e-3  # of deviations of 100
    np.testing.assert_allclose(fit.prediction, expected, atol=tolerance)
    np.testing.assert_allclose(fit.intercept, own.mean(0), rtol=1e-9)


def test_shares_and_unique_variance_do_not_see_a_baseline():
    x, y, groups = problem(5)
    design = Design(
        x[:180].astype(np.float32), x[180:].astype(np.float32), groups[:180],
        (Band("a", 0, 10), Band("b", 10, 30)),
    )  # fmt: skip

    def fitted(level):
        own = (y + level).astype(np.float32)
        return fit_banded(
            design, own[:180], own[180:], names=("a", "b"), alphas=ALPHAS,
            search=Search(n_iter=6), unique=True,
        ).bands  # fmt: skip

    one, other = fitted(0), fitted(4_000)
    np.testing.assert_allclose(other.r, one.r, atol=2e-5)
    np.testing.assert_allclose(other.unique, one.unique, atol=2e-5)
