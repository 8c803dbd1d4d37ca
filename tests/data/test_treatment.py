"""What is done with responses before a fit, against nilearn, scipy and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from nilearn import signal
from scipy import stats
from scipy.signal import detrend

from d2b_ray.data.treatment import Treatment
from d2b_ray.errors import DataError

TR = 1.5


@pytest.fixture
def rows(rng):
    time = np.arange(200)[:, None]
    drift = 0.02 * time * rng.standard_normal(6) + 1000 * rng.random(6)
    return (rng.standard_normal((200, 6)) + drift).astype(np.float32)


def test_nothing_is_nothing(rows):
    assert Treatment().apply(rows, TR) is rows
    assert Treatment(window_s=5).nothing


def test_zscore_is_that_of_scipy_and_flat_voxels_stay_flat(rows):
    rows[:, 2] = 1234.5
    found = Treatment(zscore=True).apply(rows, TR)
    kept = [0, 1, 3, 4, 5]
    np.testing.assert_allclose(found[:, kept], stats.zscore(rows[:, kept].astype(float)), atol=1e-5)
    assert not found[:, 2].any()
    rows[3, 0] = np.nan
    assert np.isnan(Treatment(zscore=True).apply(rows, TR)[:, 0]).all()


def test_a_line_is_that_of_scipy(rows):
    found = Treatment("linear").apply(rows, TR)
    np.testing.assert_allclose(found, detrend(rows.astype(float), axis=0), atol=2e-3)


def test_cosines_and_confounds_are_those_of_nilearn(rows, rng):
    confounds = rng.standard_normal((200, 3))
    found = Treatment("cosine", 60.0, ("x",), zscore=True).apply(rows, TR, confounds)
    expected = signal.clean(
        rows.astype(float), detrend=False, standardize=None, confounds=confounds,
        filter="cosine", high_pass=1 / 60, t_r=TR,
    )  # fmt: skip
    np.testing.assert_allclose(found, stats.zscore(expected), atol=1e-4)
    left = np.abs(confounds.T @ found).max() / 200
    assert left < 0.05  # what is left of them is what the cosines took out of both


@pytest.mark.parametrize("how", ["median", "savgol"])
def test_slow_filters_take_a_slow_wave_and_leave_a_fast_one(how):
    time = np.arange(400) * TR
    slow, fast = np.sin(2 * np.pi * time / 400), np.sin(2 * np.pi * time / 8)
    rows = np.stack([slow, fast], axis=1).astype(np.float32)
    found = Treatment(how, 60.0).apply(rows, TR)[40:-40]
    assert found[:, 0].std() < 0.1 * slow.std()
    assert found[:, 1].std() > 0.9 * fast.std()
    with pytest.raises(DataError, match="600 s are 401 samples, and a run has 400"):
        Treatment(how, 600.0).apply(rows, TR)


def test_voxels_that_are_not_finite_stay_so_alone(rows, rng):
    rows[5, 1] = np.nan
    found = Treatment("linear", confounds=("x",)).apply(rows, TR, rng.standard_normal((200, 2)))
    assert np.isnan(found[:, 1]).all()
    assert np.isfinite(np.delete(found, 1, axis=1)).all()
