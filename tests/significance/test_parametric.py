"""The parametric p: a slow second opinion, scipy's t-test, closed cases."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from autocorrelated import ar1
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from d2b_ray.encoding import correlation
from d2b_ray.errors import FitError
from d2b_ray.significance.parametric import autocorrelation, parametric_p


def slow_p(x, y, lags):
    """One voxel, lag by lag."""
    n = len(x)
    x, y = x - x.mean(), y - y.mean()
    total = 0.0
    for k in range(1, lags + 1):
        rho = [n / (n - k) * (one[: n - k] @ one[k:]) / (one @ one) for one in (x, y)]
        total += (n - k) / n * rho[0] * rho[1]
    inverse = 1 / n + 2 / n * total
    effective = n if inverse <= 1 / n else max(1 / inverse, 3)
    r = x @ y / np.sqrt((x @ x) * (y @ y))
    dof = effective - 2
    return stats.t.sf(r * np.sqrt(dof / (1 - r * r)), dof), dof


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.integers(5, 90), st.integers(1, 20), st.floats(-0.5, 0.95), st.integers(0, 99), st.data())
def test_p_is_that_of_the_formula(samples, voxels, memory, seed, data):
    rng = np.random.default_rng(seed)
    x, y = ar1(samples, voxels, memory, rng), ar1(samples, voxels, memory, rng)
    lags = data.draw(st.one_of(st.none(), st.integers(0, samples - 1)))
    p, dof = parametric_p(x, y, max_lag_trs=lags)
    lags = samples // 5 if lags is None else lags
    expected = np.array([slow_p(x[:, v], y[:, v], lags) for v in range(voxels)])
    np.testing.assert_allclose(dof, expected[:, 1], rtol=1e-8)
    np.testing.assert_allclose(p, expected[:, 0], rtol=1e-7, atol=1e-12)


def test_without_lags_it_is_the_common_test(rng):
    x, y = rng.standard_normal((2, 60, 30))
    p, dof = parametric_p(x, y, max_lag_trs=0)
    common = [stats.pearsonr(x[:, v], y[:, v], alternative="greater").pvalue for v in range(30)]
    np.testing.assert_allclose(p, common, rtol=1e-10)
    np.testing.assert_array_equal(dof, 58)


def test_degrees_of_freedom_are_those_of_theory(rng):
    """N (1 - ab) / (1 + ab) for two autoregressions of memories a and b (Bartlett 1935)."""
    x, y = ar1(20_000, 100, 0.8, rng), ar1(20_000, 100, 0.6, rng)
    dof = parametric_p(x, y, max_lag_trs=60)[1]
    assert np.median(dof) == pytest.approx(20_000 * (1 - 0.48) / (1 + 0.48), rel=0.03)


def test_autocorrelation_of_a_delta_and_of_nothing():
    series = np.zeros((50, 2))
    series[20, 0] = 1
    rho = autocorrelation(series, 49)
    np.testing.assert_allclose(rho[:, 0], np.arange(50) == 0, atol=1e-12)
    np.testing.assert_array_equal(rho[:, 1], 0)


def test_constant_voxels_are_not_significant_and_perfect_ones_are(rng):
    x = rng.standard_normal((40, 5))
    y = x.copy()
    y[:, 0], x[:, 1], y[:, 2] = 0.1, 3, -x[:, 2]
    p, _ = parametric_p(x, y)
    np.testing.assert_array_equal(p[[0, 1]], 1)
    assert p[2] > 1 - 1e-9
    assert (p[3:] < 1e-9).all()


def test_a_voxel_has_the_same_bits_in_any_split(rng):
    x, y = ar1(300, 53, 0.7, rng), ar1(300, 53, 0.7, rng)
    whole = parametric_p(x, y)
    for edges in ((0, 1, 18, 53), (0, 32, 33, 53)):
        parts = [parametric_p(x[:, a:b], y[:, a:b]) for a, b in pairwise(edges)]
        for one, split in zip(whole, zip(*parts, strict=True), strict=True):
            np.testing.assert_array_equal(one, np.concatenate(split))


def test_p_goes_with_the_score_of_the_package(rng):
    x, y = rng.standard_normal((2, 100, 40)).astype(np.float32)
    p, dof = parametric_p(x, y)
    r = correlation(x, y).astype(float)
    np.testing.assert_allclose(p, stats.t.sf(r * np.sqrt(dof / (1 - r * r)), dof), rtol=1e-4)


def test_impossible_input_is_refused(rng):
    x = rng.standard_normal((10, 3))
    with pytest.raises(FitError, match=r"prediction \(9, 3\), response \(10, 3\): must be"):
        parametric_p(x[:-1], x)
    with pytest.raises(FitError, match="max_lag_trs is 10; must be 0 to 9"):
        parametric_p(x, x, max_lag_trs=10)
    with pytest.raises(FitError, match="2 samples has no p-value"):
        parametric_p(x[:2], x[:2])
    broken = x.copy()
    broken[4, 2] = np.nan
    with pytest.raises(FitError, match="response: voxel 2 has values that are not finite"):
        parametric_p(x, broken)
