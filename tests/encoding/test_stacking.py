"""Stacking against quadratic programs of SciPy, scikit-learn's ridges, and what was planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import Ridge

from d2b_ray.arrays import Band
from d2b_ray.catalog.solvers import BANDED_SOLVERS, Problem
from d2b_ray.encoding.stacking import MOST_SPACES, error_products, simplex_weights
from d2b_ray.errors import FitError

BANDS = (Band("a", 0, 8), Band("b", 8, 20), Band("c", 20, 26))
ALPHAS = np.array([1.0, 30.0, 1000.0])


def problem(rng, voxels=12, **more):
    n = 160
    x = (rng.standard_normal((n, 26)) + 1).astype(np.float32)
    coef = rng.standard_normal((26, voxels))
    coef[8:, :4] = 0  # of band a alone
    coef[:20, 4:8] = 0  # of band c alone
    y = (x @ coef + rng.standard_normal((n, voxels)) + 50).astype(np.float32)
    return Problem(x, y, np.arange(n) * 4 // n, ALPHAS, BANDS, **more)


def solved(given):
    row = BANDED_SOLVERS["stacking"]
    parts = row.prepare(given.train, given.groups, given.bands, "cpu", given.intercept)
    return row, parts, row.solve(given, parts)


@pytest.mark.parametrize("spaces", [1, 2, 4])
def test_weights_are_those_of_a_quadratic_program(rng, spaces):
    y = rng.standard_normal((50, 6))
    held = [y * rng.random() + rng.standard_normal(y.shape) for _ in range(spaces)]
    products = error_products(y, held)
    found = simplex_weights(products)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-12)
    assert (found >= 0).all()
    for own, weights in zip(products, found, strict=True):
        peer = minimize(
            lambda w, own=own: w @ own @ w, np.full(spaces, 1 / spaces), bounds=[(0, 1)] * spaces,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, tol=1e-12,
        )  # fmt: skip
        assert weights @ own @ weights <= peer.fun * (1 + 1e-7)


def test_two_equal_fits_share_their_weight(rng):
    y = rng.standard_normal((40, 3))
    same = y + rng.standard_normal(y.shape)
    np.testing.assert_allclose(simplex_weights(error_products(y, [same, same])), 0.5, atol=1e-3)


def test_a_perfect_fit_takes_all(rng):
    y = rng.standard_normal((40, 3))
    found = simplex_weights(error_products(y, [y + 1.0, y, -y]))
    np.testing.assert_allclose(found, [[0, 1, 0]] * 3, atol=1e-6)


def test_too_many_spaces_are_refused():
    with pytest.raises(FitError, match="10 feature spaces at most; got 11"):
        simplex_weights(np.ones((1, MOST_SPACES + 1, MOST_SPACES + 1)))


def test_held_out_predictions_are_made_by_models_that_did_not_see_them(rng):
    """The whole stack written out with scikit-learn, penalties by the same rule."""
    given = problem(rng)
    _, _, found = solved(given)
    x, y, groups = given.train.astype(float), given.response.astype(float), given.groups

    def ridge(band, rows, alphas, y=y):
        return Ridge(alpha=alphas).fit(x[rows][:, band.start : band.stop], y[rows])

    def best(band, rows):
        scores = np.zeros((len(ALPHAS), y.shape[1]))
        for group in np.unique(groups[rows]):
            seen, held = rows & (groups != group), rows & (groups == group)
            for place, alpha in enumerate(ALPHAS):
                prediction = ridge(band, seen, alpha).predict(x[held][:, band.start : band.stop])
                scores[place] += [
                    np.corrcoef(p, t)[0, 1] for p, t in zip(prediction.T, y[held].T, strict=True)
                ]
        return ALPHAS[scores.argmax(0)]

    everything = np.full(len(y), fill_value=True)
    held_out = []
    for band in BANDS:
        own = np.empty_like(y)
        for group in np.unique(groups):
            seen, held = groups != group, groups == group
            model = ridge(band, seen, best(band, seen))
            own[held] = model.predict(x[held][:, band.start : band.stop])
        held_out.append(own)
    weights = simplex_weights(error_products(y, held_out))
    np.testing.assert_allclose(found.gamma, weights.T, atol=2e-4)
    for band, weight in zip(BANDS, weights.T, strict=True):
        coef = ridge(band, everything, best(band, everything)).coef_.T * weight
        np.testing.assert_allclose(found.coef[band.start : band.stop], coef, atol=2e-3)


def test_planted_bands_get_the_weight(rng):
    _, _, found = solved(problem(rng))
    assert (found.gamma[0, :4] > 0.8).all()
    assert (found.gamma[2, 4:8] > 0.8).all()
    assert (found.cv_r > 0.5).all()


def test_batches_of_voxels_change_nothing(rng):
    given = problem(rng, voxels=600)
    whole, few = solved(given)[2], solved(replace(given, memory_budget_bytes=1))[2]
    for name in ("gamma", "coef", "cv_r", "alpha"):
        np.testing.assert_allclose(getattr(whole, name), getattr(few, name), atol=1e-4)


def test_without_a_band_is_the_stack_of_the_others(rng):
    given = problem(rng)
    row, parts, _ = solved(given)
    left = row.without(given, parts, 1)
    assert left.coef.shape == (14, 12)
    np.testing.assert_allclose(left.gamma.sum(0), 1)
