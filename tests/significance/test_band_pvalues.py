"""p-values of the bands of a fit: of one statistic throughout, and at their level on noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from d2b_ray.arrays import Band, Design
from d2b_ray.encoding import Search, correlation, fit_banded
from d2b_ray.significance import block_null
from d2b_ray.steps.results import FitPValues

WANTED = {"test": "block", "rule": "plus_one", "correction": "max", "level": 0.05}
REPEATS, VOXELS, DRAWS = 40, 60, 199


def noise_fit(seed: int, collinear: float):
    """Two bands that are nearly one, and responses that know nothing of them."""
    rng = np.random.default_rng(seed)

    def rows(count):
        one = rng.standard_normal((count, 8))
        return np.hstack([one, one + collinear * rng.standard_normal(one.shape)]).astype(np.float32)

    design = Design(rows(160), rows(120), np.arange(160) // 40, (Band("a", 0, 8), Band("b", 8, 16)))
    train, valid = (rng.standard_normal((n, VOXELS)).astype(np.float32) for n in (160, 120))
    fit = fit_banded(
        design,
        train,
        valid,
        names=("a", "b"),
        alphas=np.logspace(-6, 4, 6),
        search=Search(n_iter=6),
    )
    counts = [
        block_null(one, valid, start=0, stop=DRAWS, seed=seed, block_trs=10)
        for one in (fit.prediction, *fit.bands.prediction)
    ]
    return fit, valid, FitPValues.of(WANTED, fit, counts)


@pytest.fixture(scope="module", params=[0.01, 1.0])
def tests(request):
    return [noise_fit(seed, request.param) for seed in range(REPEATS)]


def test_family_wise_p_is_never_below_p(tests):
    for _, _, found in tests:
        for one in (found.joint, *found.bands):
            assert (one.p_fwe >= one.p).all()


def test_the_family_wise_error_of_fit_and_bands_is_at_its_level(tests):
    """At most as many of 40 repeats as a binomial at the level allows in all but one of 1,000 cases."""
    allowed = binom.ppf(0.999, REPEATS, WANTED["level"])
    for number in range(3):
        errors = sum(
            bool(((found.joint, *found.bands)[number].p_fwe <= WANTED["level"]).any())
            for _, _, found in tests
        )
        assert errors <= allowed, f"{number}: {errors} of {REPEATS}"


def test_the_correlation_of_a_band_is_that_of_its_own_prediction(tests):
    fit, valid, _ = tests[0]
    for own, prediction in zip(fit.bands.own_r, fit.bands.prediction, strict=True):
        np.testing.assert_array_equal(own, correlation(prediction, valid))
    np.testing.assert_allclose(fit.bands.r.sum(0), fit.r, atol=5e-6)
