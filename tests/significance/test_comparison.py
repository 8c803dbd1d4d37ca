"""Comparisons: scipy's paired tests, swapped series formed one by one, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from autocorrelated import ar1, within_binomial
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from d2b_ray.encoding import correlation
from d2b_ray.errors import FitError
from d2b_ray.significance import merge, p_values
from d2b_ray.significance.blocks import fixed_blocks
from d2b_ray.significance.comparison import paired_flips, paired_t, score_difference, swap_null
from d2b_ray.significance.orders import generator


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.integers(2, 12), st.integers(1, 8), st.integers(0, 99))
@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_paired_t_is_that_of_scipy(alternative, subjects, values, seed):
    first, second = np.random.default_rng(seed).standard_normal((2, subjects, values))
    found = paired_t(first, second, alternative=alternative)
    expected = stats.ttest_rel(first, second, alternative=alternative)
    np.testing.assert_allclose(found.p, expected.pvalue, rtol=1e-10)
    np.testing.assert_allclose(found.difference, (first - second).mean(0), atol=1e-12)


@settings(max_examples=20, derandomize=True, deadline=None)
@given(st.integers(2, 8), st.integers(1, 4), st.integers(0, 99))
@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_paired_flips_are_those_of_scipy(alternative, subjects, values, seed):
    first, second = np.random.default_rng(seed).standard_normal((2, subjects, values))
    expected = stats.permutation_test(
        (first - second,), lambda d, axis: d.mean(axis), permutation_type="samples",
        n_resamples=np.inf, alternative=alternative, vectorized=True, axis=0,
    )  # fmt: skip
    found = paired_flips(first, second, alternative=alternative)
    np.testing.assert_allclose(found.p, expected.pvalue, atol=1e-12)


def test_the_smallest_p_of_six_subjects():
    better = np.full((6, 1), 0.1) + np.arange(6)[:, None] / 7
    assert paired_flips(better, 0 * better).p == 2 / 64
    assert paired_flips(better, 0 * better, alternative="greater").p == 1 / 64
    assert paired_flips(0 * better, better, alternative="greater").p == 1


def test_flips_of_many_subjects_are_sampled_and_close_to_the_t_test(rng):
    first, second = rng.standard_normal((2, 20, 30)) + 0.3
    found = paired_flips(first, second, seed=1, permutations=2000)
    assert np.abs(found.p - paired_t(first, second).p).max() < 0.06
    np.testing.assert_array_equal(found.p, paired_flips(first, second, seed=1, permutations=2000).p)
    np.testing.assert_allclose(found.p * 2001, np.round(found.p * 2001), atol=1e-9)


def test_no_difference_is_not_significant_and_the_same_difference_is():
    one = np.arange(12.0).reshape(4, 3)
    for test in (paired_t, paired_flips):
        np.testing.assert_array_equal(test(one, one).p, 1)
    assert (paired_t(one + 1, one).p == 0).all()
    assert (paired_t(one + 1, one, alternative="greater").p == 0).all()
    assert (paired_t(one, one + 1, alternative="greater").p == 1).all()
    np.testing.assert_array_equal(paired_flips(one + 1, one).p, 2 / 16)


def swapped(first, second, response, block_trs, runs, count, seed):
    """d* of predictions that are mixed row by row and correlated by numpy, (count, V)."""
    first, second = ((x - x.mean(0)) / x.std(0) for x in (first, second))
    blocks = fixed_blocks(len(first), block_trs, runs)
    block_of = np.repeat(np.arange(len(blocks)), blocks.lengths)
    null = []
    for i in range(count):
        swap = generator(seed, i).integers(0, 2, len(blocks))[block_of][:, None] == 1
        ours, theirs = np.where(swap, second, first), np.where(swap, first, second)
        null.append(
            [
                np.corrcoef(ours[:, v], response[:, v])[0, 1]
                - np.corrcoef(theirs[:, v], response[:, v])[0, 1]
                for v in range(first.shape[1])
            ]
        )
    return np.array(null)


@settings(max_examples=25, derandomize=True, deadline=None)
@given(
    st.lists(st.integers(5, 40), min_size=1, max_size=3),
    st.booleans(),
    st.integers(1, 12),
    st.sampled_from(["two-sided", "greater"]),
    st.integers(1, 19),
    st.integers(0, 99),
)
def test_counts_are_those_of_explicit_swaps(runs, confined, block_trs, alternative, voxels, seed):
    confined = runs if confined else None
    x, z, y = np.random.default_rng(seed).standard_normal((3, sum(runs), voxels))
    x += 0.3 * y
    null = swapped(x, z, y, block_trs, confined, 30, seed)
    d = correlation(x, y).astype(float) - correlation(z, y)
    if alternative == "two-sided":
        null, d = np.abs(null), np.abs(d)
    counts = swap_null(
        x, z, y, start=0, stop=30, seed=seed, block_trs=block_trs, runs=confined,
        alternative=alternative,
    )  # fmt: skip
    np.testing.assert_array_equal(counts.exceed, (null >= d - 1e-6).sum(0))
    np.testing.assert_array_equal(counts.above, (null > d + 1e-6).sum(0))
    np.testing.assert_allclose(counts.maxima, null.max(1), atol=1e-6)
    assert counts.n_null == 30


def test_score_difference_is_that_of_the_scores(rng):
    x, z, y = rng.standard_normal((3, 100, 21)).astype(np.float32)
    expected = correlation(x, y) - correlation(z, y)
    np.testing.assert_allclose(score_difference(x, z, y), expected, atol=1e-6)


def test_any_split_gives_the_same_counts(rng):
    x, z, y = (ar1(203, 53, 0.5, rng) for _ in range(3))

    def counts(start, stop, a=0, b=53):
        return swap_null(
            x[:, a:b], z[:, a:b], y[:, a:b], start=start, stop=stop, seed=3, runs=[90, 113]
        )

    whole = counts(0, 40)
    ranges = merge([counts(17, 40), counts(0, 5), counts(5, 17)])
    for name in ("exceed", "above", "maxima"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(ranges, name))
    voxels = [counts(0, 40, a, b) for a, b in ((0, 1), (1, 18), (18, 53))]
    np.testing.assert_array_equal(whole.exceed, np.concatenate([part.exceed for part in voxels]))
    np.testing.assert_array_equal(whole.maxima, np.max([part.maxima for part in voxels], axis=0))


def test_equal_and_constant_voxels_are_not_significant(rng):
    x, z, y = rng.standard_normal((3, 100, 4))
    z[:, 0] = x[:, 0]
    y[:, 1] = 0.1
    x[:, 2] = z[:, 2] = 5
    counts = swap_null(x, z, y, start=0, stop=50, seed=0)
    p = p_values(counts, np.abs(score_difference(x, z, y))).p
    np.testing.assert_array_equal(p[:3], 1)
    assert p[3] < 1


def test_one_block_cannot_be_significant(rng):
    x, z, y = rng.standard_normal((3, 10, 5))
    counts = swap_null(x, z, y + 5 * x, start=0, stop=20, seed=0, block_trs=10)
    assert (counts.exceed == 20).all()


def test_the_order_and_scale_of_the_models_do_not_matter(rng):
    x, z, y = rng.standard_normal((3, 120, 16))
    forth = swap_null(x, z, y, start=0, stop=99, seed=0)
    back = swap_null(4 * z + 2, x / 3, y, start=0, stop=99, seed=0)
    np.testing.assert_array_equal(forth.exceed, back.exceed)


@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_p_is_uniform_for_equal_models(memory, rng):
    """Two noisy views of the same signal, of equal worth: neither is better."""
    signal = ar1(1000, 600, memory, rng)
    x, z, y = (signal + ar1(1000, 600, memory, rng) for _ in range(3))
    counts = swap_null(x, z, y, start=0, stop=399, seed=2, block_trs=25)
    p = p_values(counts, np.abs(score_difference(x, z, y))).p
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert within_binomial((p <= 0.05).mean(), 0.05, 600)


def test_the_better_model_is_found(rng):
    signal = ar1(1000, 100, 0.5, rng)
    y = signal + ar1(1000, 100, 0.5, rng)
    good, poor = (signal + scale * ar1(1000, 100, 0.5, rng) for scale in (1, 3))
    counts = swap_null(good, poor, y, start=0, stop=999, seed=2)
    found = p_values(counts, np.abs(score_difference(good, poor, y)))
    assert (found.p_fdr < 0.05).mean() > 0.95
    assert (found.p_fwe < 0.05).mean() > 0.9
    one_sided = swap_null(poor, good, y, start=0, stop=99, seed=2, alternative="greater")
    assert (p_values(one_sided, score_difference(poor, good, y)).p > 0.9).mean() > 0.95


def test_impossible_input_is_refused(rng):
    x = rng.standard_normal((30, 3))
    with pytest.raises(FitError, match=r"second \(29, 3\), response \(30, 3\): must be"):
        swap_null(x, x[1:], x, start=0, stop=1, seed=0)
    with pytest.raises(FitError, match="swaps 2 to 2: the range is empty"):
        swap_null(x, x, x, start=2, stop=2, seed=0)
    with pytest.raises(FitError, match="'less' does not exist; allowed: two-sided, greater"):
        swap_null(x, x, x, start=0, stop=1, seed=0, alternative="less")
    with pytest.raises(FitError, match="2 subjects or more"):
        paired_t(x[:1], x[:1])
    with pytest.raises(FitError, match="permutations is 0"):
        paired_flips(x, x, permutations=0)
    x[7, 1] = np.nan
    with pytest.raises(FitError, match="value 1 of subject 7 is not finite"):
        paired_flips(x, x)
