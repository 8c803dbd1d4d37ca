"""The bootstrap: resampled series formed and correlated one by one, and what must not matter."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from autocorrelated import ar1
from hypothesis import given, settings
from hypothesis import strategies as st

from d2b_ray.encoding import correlation
from d2b_ray.errors import FitError
from d2b_ray.significance.blocks import fixed_blocks, moving_blocks
from d2b_ray.significance.bootstrap import block_draws, bootstrap_difference, bootstrap_score

MAKE = {"fixed": fixed_blocks, "moving": moving_blocks}


def resampled(samples, block_trs, runs, name, replicates, seed):
    """Rows of every resampled series."""
    blocks = MAKE[name](samples, block_trs, runs)
    rows = [np.arange(*edge) for edge in zip(blocks.starts, blocks.stops, strict=True)]
    drawn = block_draws(blocks, 0, replicates, seed=seed)
    return [np.concatenate([rows[block] for block in order]) for order in drawn]


def columnwise(x, y):
    """numpy's correlation, 0 for what has none."""
    found = np.zeros(x.shape[1])
    for v in range(x.shape[1]):
        if np.ptp(x[:, v]) > 0 and np.ptp(y[:, v]) > 0:
            found[v] = np.corrcoef(x[:, v], y[:, v])[0, 1]
    return found


@settings(max_examples=30, derandomize=True, deadline=None)
@given(
    st.lists(st.integers(4, 30), min_size=1, max_size=4),
    st.booleans(),
    st.integers(1, 12),
    st.sampled_from(["fixed", "moving"]),
    st.sampled_from(["r", "signed_square"]),
    st.integers(1, 19),
    st.integers(0, 99),
)
def test_intervals_are_those_of_explicit_series(
    runs, confined, block_trs, name, measure, voxels, seed
):
    samples = sum(runs)
    confined = runs if confined else None
    x, z, y = np.random.default_rng(seed).standard_normal((3, samples, voxels))
    x += y
    options = {"seed": seed, "replicates": 40, "block_trs": block_trs, "runs": confined,
               "blocks": name, "measure": measure, "level": 0.8}  # fmt: skip
    draws = resampled(samples, block_trs, confined, name, 40, seed)
    square = (lambda r: r) if measure == "r" else (lambda r: r * abs(r))
    ours = np.stack([square(columnwise(x[rows], y[rows])) for rows in draws])
    theirs = np.stack([square(columnwise(z[rows], y[rows])) for rows in draws])
    for values, value, found in (
        (ours, square(columnwise(x, y)), bootstrap_score(x, y, **options)),
        (
            ours - theirs,
            square(columnwise(x, y)) - square(columnwise(z, y)),
            bootstrap_difference(x, z, y, **options),
        ),
    ):
        np.testing.assert_allclose(found.value, value, atol=1e-9)
        np.testing.assert_allclose(found.low, np.quantile(values, 0.1, axis=0), atol=1e-8)
        np.testing.assert_allclose(found.high, np.quantile(values, 0.9, axis=0), atol=1e-8)


def test_a_resampled_series_is_about_as_long_as_the_series():
    lengths = [len(rows) for rows in resampled(103, 10, None, "fixed", 200, 0)]
    assert np.mean(lengths) == pytest.approx(103, abs=1)
    assert {len(rows) for rows in resampled(103, 10, None, "moving", 20, 0)} == {100}
    runs = [7, 60, 36]
    assert np.mean([len(rows) for rows in resampled(103, 10, runs, "moving", 200, 0)]) == (
        pytest.approx(103, abs=6)
    )


def test_the_value_is_the_score_of_the_package(rng):
    x, y = rng.standard_normal((2, 200, 33)).astype(np.float32)
    found = bootstrap_score(x, y, seed=0, replicates=10)
    np.testing.assert_allclose(found.value, correlation(x, y), atol=1e-6)


@pytest.mark.parametrize("name", ["fixed", "moving"])
def test_a_voxel_has_the_same_bits_in_any_split(rng, name):
    x, z, y = (ar1(203, 53, 0.5, rng) for _ in range(3))

    def found(a, b):
        options = {"seed": 4, "replicates": 50, "blocks": name, "runs": [100, 103]}
        one = bootstrap_score(x[:, a:b], y[:, a:b], **options)
        two = bootstrap_difference(x[:, a:b], z[:, a:b], y[:, a:b], **options)
        return np.stack([one.value, one.low, one.high, two.value, two.low, two.high])

    whole = found(0, 53)
    for edges in ((0, 1, 18, 53), (0, 32, 33, 53)):
        parts = [found(a, b) for a, b in pairwise(edges)]
        np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))


def test_replicates_are_a_function_of_seed_and_index():
    blocks = fixed_blocks(100, 7)
    whole = block_draws(blocks, 0, 20, seed=5)
    np.testing.assert_array_equal(whole[13:17], block_draws(blocks, 13, 17, seed=5))
    assert (whole != block_draws(blocks, 0, 20, seed=6)).any()


def test_constant_voxels_have_nothing_to_be_unsure_of(rng):
    x, y = rng.standard_normal((2, 100, 3))
    x[:, 0], y[:, 1] = 0.1, 7
    x[10:, 2] = x[10, 2]  # constant in most of the resampled blocks, and in some replicates in all
    found = bootstrap_score(x, y, seed=0, replicates=200, block_trs=10)
    np.testing.assert_array_equal(np.stack([found.value, found.low, found.high])[:, :2], 0)
    draws = resampled(100, 10, None, "fixed", 200, 0)
    values = np.stack([columnwise(x[rows], y[rows]) for rows in draws])
    assert (values[:, 2] == 0).any()
    np.testing.assert_allclose(found.low[2], np.quantile(values[:, 2], 0.025), atol=1e-9)


def test_equal_models_do_not_differ(rng):
    x, y = rng.standard_normal((2, 100, 20))
    found = bootstrap_difference(x, 3 * x + 1, y, seed=0, replicates=50)
    for ends in (found.value, found.low, found.high):
        np.testing.assert_allclose(ends, 0, atol=1e-12)


def test_impossible_input_is_refused(rng):
    x = rng.standard_normal((30, 3))
    with pytest.raises(FitError, match=r"first \(30, 3\), second \(29, 3\)"):
        bootstrap_difference(x, x[1:], x, seed=0)
    with pytest.raises(FitError, match="blocks 'round' do not exist; allowed: fixed, moving"):
        bootstrap_score(x, x, seed=0, blocks="round")
    with pytest.raises(FitError, match="measure 'z' does not exist; allowed: r, signed_square"):
        bootstrap_score(x, x, seed=0, measure="z")
    with pytest.raises(FitError, match="level is 95; must lie between 0 and 1"):
        bootstrap_score(x, x, seed=0, level=95)
    with pytest.raises(FitError, match="replicates is 0"):
        bootstrap_score(x, x, seed=0, replicates=0)
