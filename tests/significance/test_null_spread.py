"""The widened null: exact where blocks are enough, right for slow series, blind to how series go together."""

from __future__ import annotations

import numpy as np
import pytest
from autocorrelated import ar1 as noise

from d2b_ray.encoding import correlation
from d2b_ray.significance import block_null, p_values
from d2b_ray.significance.memory import spread

VOXELS, SAMPLES, PERMUTATIONS = 1500, 800, 199


def rate(x, y, block_trs, *, corrected):
    counts = block_null(
        x, y, start=0, stop=PERMUTATIONS, seed=3, block_trs=block_trs, corrected=corrected
    )
    return (p_values(counts, correlation(x, y)).p <= 0.05).mean()


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9, 0.97])
def test_slow_series_are_called_significant_at_the_level(rng, memory):
    """0.05 with a standard error of 0.006; blocks of 66 are what `auto` takes of 800 samples."""
    x, y = (noise(SAMPLES, VOXELS, memory, rng) for _ in range(2))
    assert rate(x, y, 66, corrected=True) == pytest.approx(0.05, abs=0.022)
    if memory >= 0.9:  # what blocks of ten alone would do
        assert rate(x, y, 10, corrected=False) > 0.09


def test_the_ratio_is_that_of_the_two_sums(rng):
    """Of autoregressions with known autocorrelations a^k and b^k: geometric sums."""
    a, b, n, block = 0.9, 0.8, 40_000, 10
    x, y = (noise(n, 16, memory, rng).astype(float) for memory in (a, b))
    lag = np.arange(1, n // 5 + 1)
    shared = (a * b) ** lag
    whole = 1 + 2 * ((1 - lag / n) * shared).sum()
    kept = 1 + 2 * ((1 - lag / block).clip(0) * shared).sum()
    found = spread(x - x.mean(0), y - y.mean(0), block)
    assert found.mean() == pytest.approx(np.sqrt(whole / kept), rel=0.02)


def test_a_null_is_never_made_narrower_and_constants_change_nothing(rng):
    x, y = rng.standard_normal((2, 200, 16))
    y[:, 3] = 0
    wider = spread(x, y, 10)
    assert (wider >= 1).all()
    assert wider[3] == 1
    assert (spread(x[:1], y[:1], 2) == 1).all()  # too short to know


def test_only_null_values_are_widened(rng):
    """The observed correlations, and with them exact ties, stay; wider blocks reach them more often."""
    x, y = (noise(300, 40, 0.95, rng) for _ in range(2))
    options = {"start": 0, "stop": 99, "seed": 1, "block_trs": 10}
    plain, wide = (block_null(x, y, corrected=flag, **options) for flag in (False, True))
    r = correlation(x, y)
    assert (wide.exceed[r > 0] >= plain.exceed[r > 0]).all()
    assert (wide.exceed[r < 0] <= plain.exceed[r < 0]).all()
    assert (wide.maxima >= plain.maxima).all()


def test_ranges_of_a_widened_null_add_up(rng):
    from d2b_ray.significance import merge

    x, y = (noise(150, 33, 0.9, rng) for _ in range(2))
    options = {"seed": 1, "block_trs": 10, "corrected": True}
    whole = block_null(x, y, start=0, stop=60, **options)
    parts = merge([block_null(x, y, start=a, stop=b, **options) for a, b in ((0, 25), (25, 60))])
    np.testing.assert_array_equal(whole.exceed, parts.exceed)
    np.testing.assert_array_equal(whole.maxima, parts.maxima)
