"""Corrections over voxels of p-values that no permutation made."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from d2b_ray.significance import corrected_p, holm


def test_holm_is_what_its_step_down_test_rejects(rng) -> None:
    """The adjusted p is the smallest level at which the procedure, done step by step, rejects."""
    p = np.round(rng.random(60) ** 4, 3)  # with ties
    adjusted = holm(p)
    for level in (0.01, 0.05, 0.2, 0.7):
        rejected, left = set(), len(p)
        for voxel in np.argsort(p, kind="stable"):
            if p[voxel] * left > level:
                break
            rejected.add(int(voxel))
            left -= 1
        assert set(np.flatnonzero(adjusted <= level).tolist()) == rejected


def test_holm_keeps_the_family_wise_error_and_is_stricter_than_a_false_discovery_rate(rng) -> None:
    found = [corrected_p(rng.random(50)) for _ in range(2000)]
    errors = np.mean([(one.p_fwe <= 0.05).any() for one in found])
    assert errors == pytest.approx(1 - (1 - 0.05 / 50) ** 50, abs=4 * np.sqrt(0.05 * 0.95 / 2000))
    assert all((one.p_fwe >= one.p_fdr).all() for one in found)


@pytest.mark.parametrize("voxels", [1, 30, 2001])
@pytest.mark.parametrize(("correction", "method"), [("fdr_bh", "bh"), ("fdr_by", "by")])
def test_what_was_asked_for_is_the_false_discovery_rate(rng, correction, method, voxels) -> None:
    p = np.ceil(1000 * rng.random(voxels) ** 3) / 1000  # with ties, and ones
    found = corrected_p(p, correction=correction)
    np.testing.assert_array_equal(found.corrected, false_discovery_control(p, method=method))
    np.testing.assert_array_equal(found.p, p)
