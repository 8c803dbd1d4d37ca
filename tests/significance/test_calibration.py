"""Do the tests keep what they promise? Simulations with known truth; `scripts/calibration.md` has more."""

from __future__ import annotations

import numpy as np
import pytest
from autocorrelated import ar1, within_binomial
from scipy.stats import kstest, norm

from d2b_ray.encoding import correlation
from d2b_ray.significance import block_null, correct, p_values
from d2b_ray.significance.bootstrap import bootstrap_difference, bootstrap_score
from d2b_ray.significance.parametric import parametric_p


def outcome(x, y, block_trs, permutations, *, seed=1):
    counts = block_null(x, y, start=0, stop=permutations, seed=seed, block_trs=block_trs)
    return p_values(counts, correlation(x, y))


def unrelated(samples, voxels, memory, rng):
    return (ar1(samples, voxels, memory, rng).astype(np.float32) for _ in range(2))


@pytest.mark.parametrize(("memory", "block_trs"), [(0.0, 1), (0.0, 50), (0.5, 50), (0.9, 100)])
def test_the_block_null_is_uniform_if_blocks_are_long_enough(memory, block_trs, rng):
    p = outcome(*unrelated(4000, 600, memory, rng), block_trs, 399).p
    assert kstest(p, "uniform").pvalue > 0.001
    assert within_binomial((p <= 0.05).mean(), 0.05, 600)


def expected_rate(memory, block_trs):
    """False positives at 0.05 if the null has only the lags within a block, thinned by (1 - k/L)."""
    lags = np.arange(1, 1000)
    shared = memory ** (2 * lags)
    true = 1 + 2 * shared.sum()
    null = 1 + 2 * (np.clip(1 - lags / block_trs, 0, None) * shared).sum()
    return norm.sf(norm.isf(0.05) * np.sqrt(null / true))


@pytest.mark.parametrize("block_trs", [1, 10, 50])
def test_short_blocks_find_what_is_not_there_as_often_as_theory_says(block_trs, rng):
    x, y = unrelated(2000, 600, 0.9, rng)
    rate = (outcome(x, y, block_trs, 199).p <= 0.05).mean()
    expected = expected_rate(0.9, block_trs)
    assert within_binomial(rate, expected, 600)
    assert (expected > 0.09) == (block_trs < 50)
    if block_trs < 50:
        assert not within_binomial(rate, 0.05, 600)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_the_parametric_p_is_uniform(memory, rng):
    p, _ = parametric_p(*unrelated(2000, 600, memory, rng))
    assert kstest(p, "uniform").pvalue > 0.001
    assert within_binomial((p <= 0.05).mean(), 0.05, 600)


def test_the_common_t_test_is_fooled_by_memory(rng):
    p, _ = parametric_p(*unrelated(2000, 600, 0.9, rng), max_lag_trs=0)
    assert (p <= 0.05).mean() > 0.25


def test_both_tests_agree_voxel_by_voxel(rng):
    x, y = unrelated(3000, 300, 0.7, rng)
    difference = outcome(x, y, 50, 999).p - parametric_p(x, y)[0]
    assert np.abs(difference).mean() < 0.04


def test_the_family_wise_error_is_at_its_level(rng):
    """Neighbours share noise: the maximum knows, Bonferroni would not."""
    mixing = np.exp(-0.5 * (np.subtract.outer(np.arange(32), np.arange(32)) / 3.0) ** 2)
    wrong = 0
    for study in range(400):
        x, y = (s @ mixing for s in rng.standard_normal((2, 150, 32)))
        wrong += (outcome(x, y, 10, 199, seed=study).p_fwe <= 0.05).any()
    assert within_binomial(wrong / 400, 0.05, 400)


@pytest.mark.parametrize("planted", [0, 10])
def test_the_false_discovery_rate_is_at_its_level(planted, rng):
    """BH is at level x share of true nulls, BY below that by sum 1/i; both find the effects."""
    voxels, studies, level = 40, 200, 0.1
    false = {"fdr_bh": [], "fdr_by": []}
    found = {"fdr_bh": [], "fdr_by": []}
    for study in range(studies):
        x, y = (ar1(200, voxels, 0.3, rng) for _ in range(2))
        y[:, :planted] += 0.6 * x[:, :planted]
        p = outcome(x, y, 10, 999, seed=study).p
        for name in false:
            chosen = correct(p, name) <= level
            false[name].append(chosen[planted:].sum() / max(chosen.sum(), 1))
            found[name].append(chosen[:planted].mean() if planted else 1.0)
    for name, share in (("fdr_bh", 1.0), ("fdr_by", 1 / np.sum(1 / np.arange(1, voxels + 1)))):
        expected = share * level * (voxels - planted) / voxels
        over = np.mean(false[name]) - expected
        error = np.std(false[name]) / np.sqrt(studies)
        assert over < 4 * error
        assert name == "fdr_by" or over > -4 * error  # BY needs p below what 999 permutations give
        assert np.mean(found[name]) > 0.95


def test_power_grows_with_the_effect(rng):
    power = []
    for effect in (0.0, 0.05, 0.1, 0.2):
        x, y = (ar1(1500, 300, 0.5, rng) for _ in range(2))
        power.append((outcome(x, y + effect * x, 20, 199).p <= 0.05).mean())
    assert within_binomial(power[0], 0.05, 300)
    assert power == sorted(power)
    assert power[1] > 0.25
    assert power[3] > 0.99


def test_the_error_of_p_falls_with_the_root_of_the_permutations(rng):
    """p of uniform truth: variance of the estimate is E[p (1 - p)] / N = 1 / (6 N)."""
    x, y = unrelated(300, 600, 0.0, rng)
    for permutations in (50, 200, 800):
        one, other = (outcome(x, y, 1, permutations, seed=seed).p for seed in (1, 2))
        error = np.std(one - other) / np.sqrt(2)
        assert error == pytest.approx(1 / np.sqrt(6 * permutations), rel=0.15)


@pytest.mark.parametrize("blocks", ["fixed", "moving"])
def test_intervals_hold_the_true_correlation(blocks, rng):
    signal = ar1(8000, 400, 0.7, rng)
    x, y = (signal + ar1(8000, 400, 0.7, rng) for _ in range(2))
    found = bootstrap_score(x, y, seed=3, replicates=799, block_trs=50, blocks=blocks)
    held = (found.low <= 0.5) & (found.high >= 0.5)
    assert within_binomial(held.mean(), 0.95, 400, deviations=3)


def test_short_blocks_are_too_sure(rng):
    x, y = unrelated(2000, 300, 0.9, rng)
    found = bootstrap_score(x, y, seed=3, replicates=299, block_trs=1)
    assert ((found.low <= 0) & (found.high >= 0)).mean() < 0.6


@pytest.mark.parametrize("measure", ["r", "signed_square"])
def test_intervals_hold_the_true_difference(measure, rng):
    signal = ar1(8000, 400, 0.7, rng)
    good, poor, y = (signal + scale * ar1(8000, 400, 0.7, rng) for scale in (1, 2, 1))
    options = {"seed": 3, "replicates": 799, "block_trs": 50, "measure": measure}
    found = bootstrap_difference(good, poor, y, **options)
    truth = 0.5 - 0.1**0.5 if measure == "r" else 0.25 - 0.1
    held = (found.low <= truth) & (found.high >= truth)
    assert within_binomial(held.mean(), 0.95, 400, deviations=3)
