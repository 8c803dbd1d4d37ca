"""Delays: the old code's outputs, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import arrays
from hypothesis import given
from hypothesis import strategies as st

from d2b_ray.design import Delays, delay
from d2b_ray.errors import FitError

GOLDEN = arrays("delays")
CASES = sorted(name for name in GOLDEN if name.startswith("y"))


@pytest.mark.parametrize("name", CASES)
def test_golden(name):
    series, mode, start, end = name.split("_")
    x = GOLDEN[f"x{series[1:]}"]
    combine = {"avg": "mean", "concat": "concat"}[mode]
    found = delay(x, Delays(int(start), int(end), combine))
    tolerance = 1e-3 if x.dtype == np.float16 else 1e-6
    np.testing.assert_allclose(found, GOLDEN[name], rtol=0, atol=tolerance)


@given(
    start=st.integers(0, 6), more=st.integers(0, 4), n=st.integers(1, 12), seed=st.integers(0, 9)
)
def test_mean_is_the_mean_of_the_concatenated_shifts(start, more, n, seed):
    x = np.random.default_rng(seed).standard_normal((n, 3)).astype(np.float32)
    side_by_side = delay(x, Delays(start, start + more, "concat")).reshape(n, more + 1, 3)
    np.testing.assert_allclose(
        delay(x, Delays(start, start + more)), side_by_side.mean(1), atol=1e-6
    )


def test_a_delta_is_moved():
    x = np.zeros((9, 1), np.float32)
    x[2] = 1
    assert delay(x, Delays(3, 3)).ravel().tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0]


def test_longer_than_the_series_is_zero():
    assert not delay(np.ones((4, 2), np.float32), Delays(4, 9)).any()


@pytest.mark.parametrize("bad", [(-1, 2), (3, 2)])
def test_impossible_delays(bad):
    with pytest.raises(FitError, match="start must be 0 or more and not after end"):
        Delays(*bad)
