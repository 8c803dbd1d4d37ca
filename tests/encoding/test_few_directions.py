"""Designs of fewer independent columns than columns: as all columns say, as float64 says, and as himalaya."""

from __future__ import annotations

import numpy as np
import pytest
from test_ridge import ALPHAS, brute_force

from d2b_ray.encoding import RidgeCV, grams
from d2b_ray.encoding.factorization import eigens
from d2b_ray.encoding.grams import factorize_grams

BUDGET = 1 << 30


def delayed(n=320, width=12, delays=4, voxels=15, persist=1, seed=0):
    """Features and copies of them that come later, half of them sums of others; rows may come again."""
    rng = np.random.default_rng(seed)
    base = np.repeat(rng.standard_normal((n // persist, width)), persist, 0)
    x = base @ rng.standard_normal((width, 2 * width))
    x = np.concatenate([np.roll(x, delay, 0) for delay in range(delays)], 1)
    y = x @ rng.standard_normal((x.shape[1], voxels)) + 9 * rng.standard_normal((n, voxels))
    return x.astype(np.float32), y.astype(np.float32) + 100, np.arange(n) * 4 // n


@pytest.mark.parametrize(("persist", "rank"), [(1, 48), (8, 48), (40, 7)])
def test_it_is_the_ridge_of_all_columns(monkeypatch, persist, rank):
    """With 8 seconds a caption a fold has fewer distinct rows than there are directions, with 40 all have."""
    x, y, groups = delayed(persist=persist)
    assert len(factorize_grams(x, groups, "cpu").full.values) >= rank
    few = RidgeCV(ALPHAS).fit(x, y, groups)
    monkeypatch.setattr(grams, "FEWER", 0.0)
    every = RidgeCV(ALPHAS).fit(x, y, groups)
    np.testing.assert_allclose(few.cv_scores_, every.cv_scores_, atol=1e-6)
    exact = brute_force(x, y, groups, ALPHAS[10:]).max(0)  # below them nothing changes but rounding
    assert (few.cv_scores_ >= exact - 1e-5).all()
    same = few.best_alphas_ == every.best_alphas_
    assert same.mean() > 0.8  # the others are ties
    scale = np.abs(every.coef_).max()
    np.testing.assert_allclose(few.coef_[:, same] / scale, every.coef_[:, same] / scale, atol=1e-5)


@pytest.mark.parametrize("intercept", [True, False])
def test_it_agrees_with_float64(intercept):
    x, y, groups = delayed()
    found = RidgeCV(ALPHAS[11:], fit_intercept=intercept).fit(x, y, groups)
    exact = brute_force(x, y, groups, ALPHAS[11:], fit_intercept=intercept)
    np.testing.assert_allclose(found.cv_scores_, exact.max(0), atol=2e-6)


def test_a_direction_of_the_held_out_rows_alone_is_none_of_the_others():
    """What rounding leaves of it is as large as that of all columns, not of the few directions."""
    rng = np.random.default_rng(0)
    own = rng.standard_normal((4000, 3)) * [1, 1, 30]
    own[1000:, 2] = 0
    x = own @ rng.standard_normal((3, 900)) + 5
    made = factorize_grams(x, np.arange(4000) // 1000, "cpu")
    assert [len(factor.values) for factor in made.folds] == [2, 3, 3, 3]


def test_folds_cost_what_their_directions_do(monkeypatch):
    orders = []

    def counted(matrices, columns=0):
        orders.append([len(make()) for make in matrices])
        return eigens(matrices, columns)

    monkeypatch.setattr(grams, "eigens", counted)
    x, _, groups = delayed()
    made = factorize_grams(x, groups, "cpu")
    assert orders == [[96], [48] * 4]
    assert made.mean.shape == (96,)
    assert {factor.project.shape for factor in made.folds} == {(48, 48)}
