"""A nuisance band takes part in the fit and not in what is predicted."""

from __future__ import annotations

import numpy as np
import pytest

from d2b_ray.arrays import Band, Design
from d2b_ray.encoding import Search, correlation, fit_banded
from d2b_ray.encoding.on_device import DeviceResponses

NAMES, BANDS = ("speech", "motion"), (Band("speech", 0, 6), Band("motion", 6, 10))
OPTIONS = {"names": NAMES, "alphas": np.logspace(-1, 3, 5), "search": Search(n_iter=5)}


@pytest.fixture
def made(rng):
    """Voxels of speech, of motion, and of both."""
    x = (rng.standard_normal((300, 10)) + 3).astype(np.float32)
    coef = rng.standard_normal((10, 9))
    coef[6:, :3] = 0
    coef[:6, 3:6] = 0
    y = (x @ coef + rng.standard_normal((300, 9)) + 100).astype(np.float32)
    design = Design(x[:200], x[200:], np.arange(200) * 4 // 200, BANDS)
    return design, y[:200], y[200:]


@pytest.mark.parametrize("solver", ["primal", "kernel", "stacking"])
def test_it_is_fitted_and_not_predicted(made, solver):
    joint = fit_banded(*made, solver=solver, **OPTIONS)
    found = fit_banded(*made, solver=solver, silent=("motion",), **OPTIONS)
    for name in ("coef", "alpha", "cv_r"):
        np.testing.assert_array_equal(getattr(found, name), getattr(joint, name))
    design, _, valid = made
    rows = design.valid[:, :6] - design.train[:, :6].mean(0, dtype=np.float64)
    expected = rows @ joint.coef[:6]
    np.testing.assert_allclose(found.prediction, expected, atol=1e-4)
    np.testing.assert_allclose(found.r, correlation(expected, valid), atol=1e-6)
    np.testing.assert_array_equal(found.bands.own_r[1], 0)
    np.testing.assert_array_equal(found.bands.prediction[1], 0)
    np.testing.assert_allclose(found.bands.own_r[0], joint.bands.own_r[0], atol=1e-6)


def test_voxels_of_the_nuisance_alone_are_not_predicted(made):
    joint = fit_banded(*made, **OPTIONS)
    found = fit_banded(*made, silent=("motion",), **OPTIONS)
    assert (joint.r > 0.6).all()
    assert (found.r[:3] > 0.6).all()
    assert (np.abs(found.r[3:6]) < 0.35).all()  # 100 rows: chance


def test_a_device_that_holds_the_responses_tells_the_same(made):
    design, train, valid = made
    host = fit_banded(*made, silent=("motion",), unique=True, **OPTIONS)
    there = DeviceResponses.of(train, valid, "cpu", intercept=True)
    placed = fit_banded(design, there, valid, silent=("motion",), unique=True, **OPTIONS)
    np.testing.assert_allclose(placed.r, host.r, atol=1e-5)
    np.testing.assert_allclose(placed.bands.own_r, host.bands.own_r, atol=1e-5)
    np.testing.assert_allclose(placed.bands.unique, host.bands.unique, atol=1e-5)


def test_what_is_lost_without_the_other_is_of_rows_without_the_nuisance(made):
    found = fit_banded(*made, silent=("motion",), unique=True, **OPTIONS)
    np.testing.assert_allclose(found.bands.unique[0], found.r * np.abs(found.r), atol=1e-6)
