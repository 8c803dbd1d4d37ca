"""What every solver of the tables must hold, whoever wrote it: shapes, sharing, what it offers besides."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from d2b_ray.arrays import Band
from d2b_ray.catalog.solvers import SOLVERS, Problem, Search
from d2b_ray.encoding import correlation
from d2b_ray.encoding.outcome import as_array

NAMES = [(kind, name) for kind, table in SOLVERS.items() for name in table.names]
BANDS, VOXELS = (Band("a", 0, 12), Band("b", 12, 20), Band("c", 20, 40)), 9
ALPHAS = np.logspace(-1, 4, 6)


def problem(samples):
    rng = np.random.default_rng(samples)
    x = (rng.standard_normal((samples, 40)) + 2).astype(np.float32)
    y = x @ rng.standard_normal((40, VOXELS)) + rng.standard_normal((samples, VOXELS)) * 3
    groups = np.arange(samples) * 4 // samples
    return Problem(x, y.astype(np.float32), groups, ALPHAS, BANDS, Search(n_iter=4))


def prepared(row, given):
    """As it comes to a fit: once through an object store, where there is one."""
    if row.prepare is None:
        return None
    made = row.prepare(given.train, given.groups, given.bands, given.device, given.intercept)
    return pickle.loads(pickle.dumps(made))


@pytest.mark.parametrize("samples", [120, 32])  # more and fewer than columns
@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_a_solution_fits_and_fills_its_shapes(kind, name, samples):
    row, given = SOLVERS[kind][name], problem(samples)
    found = row.solve(given, prepared(row, given))
    coef = as_array(found.coef)
    assert coef.shape == (40, VOXELS)
    assert coef.dtype == found.cv_r.dtype == np.float32
    assert found.alpha.shape == found.cv_r.shape == (VOXELS,)
    prediction = (given.train - given.train.mean(0)) @ coef
    told = 0.05 if name == "stacking" else 0  # its cv_r is a mean over folds, of few rows each
    assert (
        correlation(prediction, given.response) > found.cv_r - told
    ).all()  # it has seen these rows
    if kind == "banded":
        np.testing.assert_allclose(found.gamma.sum(0), 1, rtol=1e-5)
        assert found.history.shape == (1 if name == "stacking" else 4, VOXELS)
        np.testing.assert_allclose(found.history.max(0), found.cv_r, atol=1e-6)
    else:
        assert np.isclose(found.alpha[:, None], ALPHAS, rtol=1e-5).any(1).all()


@pytest.mark.parametrize("samples", [120, 32])
@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_what_a_solver_offers_besides(kind, name, samples):
    row, given = SOLVERS[kind][name], problem(samples)
    shared = prepared(row, given)
    if row.nested is not None:
        inner = row.nested(given, shared)
        assert inner.shape == given.response.shape
        coef = as_array(row.solve(given, shared).coef)
        seen = (given.train - given.train.mean(0)) @ coef
        assert (correlation(inner, given.response) < correlation(seen, given.response)).all()
    if row.without is not None:
        widths = [band.stop - band.start for band in BANDS]
        for number, width in enumerate(widths):
            assert row.without(given, shared, number).coef.shape == (40 - width, VOXELS)
    assert (row.nested is None) == (kind == "banded" or name == "himalaya")
    assert (row.without is None) == (kind == "ridge" or name == "himalaya")


@pytest.mark.parametrize("kind", SOLVERS)
@pytest.mark.parametrize("samples", [120, 32])
def test_auto_is_one_of_the_others_to_the_last_bit(kind, samples):
    table, given = SOLVERS[kind], problem(samples)
    chosen = {"ridge": ("ridge", "kernel_ridge"), "banded": ("primal", "kernel")}[kind]
    own, auto = table[chosen[samples < 40]], table["auto"]
    one, other = (row.solve(given, prepared(row, given)) for row in (own, auto))
    np.testing.assert_array_equal(as_array(one.coef), as_array(other.coef))
    np.testing.assert_array_equal(one.alpha, other.alpha)
