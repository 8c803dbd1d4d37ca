"""Noise ceilings: by the formula, by what was planted, and what cannot be divided by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from d2b_ray.errors import FitError
from d2b_ray.significance.ceilings import (
    ceiling_of,
    explainable_variance,
    intersubject_ceiling,
    noise_ceiling,
    normalised,
)


def repeated(share, repeats, samples, voxels, rng):
    """Responses of which `share` of the variance is the stimulus."""
    signal = rng.standard_normal((samples, voxels))
    noise = rng.standard_normal((repeats, samples, voxels))
    return np.sqrt(share) * signal + np.sqrt(1 - share) * noise, signal


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.integers(2, 6), st.integers(5, 40), st.integers(1, 20), st.integers(0, 99))
def test_explainable_variance_is_signal_power_over_total_power(repeats, samples, voxels, seed):
    """Sahani & Linden's estimate, from the power of the mean and the mean of the powers."""
    data = np.random.default_rng(seed).standard_normal((repeats, samples, voxels)) + 3
    data = data * np.arange(1, repeats + 1)[:, None, None]
    power = data.var(1).mean(0)
    signal = (repeats * data.mean(0).var(0) - power) / (repeats - 1)
    found = explainable_variance(data, zscore=False)
    np.testing.assert_allclose(found, signal / power, atol=1e-10)
    z = (data - data.mean(1, keepdims=True)) / data.std(1, keepdims=True)
    biased = explainable_variance(data, bias_correction=False)
    np.testing.assert_allclose(biased, z.mean(0).var(0), atol=1e-10)
    np.testing.assert_allclose(
        explainable_variance(data), biased - (1 - biased) / (repeats - 1), atol=1e-10
    )


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("repeats", [2, 5])
def test_the_corrected_estimate_has_no_bias(share, repeats, rng):
    data, _ = repeated(share, repeats, 300, 400, rng)
    corrected = explainable_variance(data)
    assert corrected.mean() == pytest.approx(share, abs=0.01)
    raw = explainable_variance(data, bias_correction=False)
    assert raw.mean() == pytest.approx(share + (1 - share) / repeats, abs=0.01)


@pytest.mark.parametrize("averaged", [1, 4])
def test_the_true_signal_reaches_the_ceiling(averaged, rng):
    data, signal = repeated(0.4, 4, 2000, 100, rng)
    response = data[:averaged].mean(0)
    reached = [np.corrcoef(signal[:, v], response[:, v])[0, 1] for v in range(100)]
    ceiling = noise_ceiling(explainable_variance(data), averaged=averaged)
    assert np.mean(reached) == pytest.approx(ceiling.mean(), abs=0.01)


def test_the_ceiling_of_one_response_is_the_root():
    np.testing.assert_allclose(noise_ceiling(np.array([-0.1, 0, 0.25, 1])), [0, 0, 0.5, 1])


def test_constant_voxels_have_no_ceiling(rng):
    data = rng.standard_normal((3, 50, 2))
    data[:, :, 0] = 0.1
    for zscore in (True, False):
        assert explainable_variance(data, zscore=zscore)[0] == 0
    found = intersubject_ceiling(data)
    np.testing.assert_array_equal(found[:, 0], 0)
    assert np.isnan(normalised(np.zeros(1), noise_ceiling(explainable_variance(data))[:1], 0.1))


def test_intersubject_ceiling_is_a_correlation_with_the_mean_of_the_others(rng):
    subjects = rng.standard_normal((4, 80, 19)) * np.array([1, 5, 20, 3])[:, None, None] + 2
    z = (subjects - subjects.mean(1, keepdims=True)) / subjects.std(1, keepdims=True)
    found = intersubject_ceiling(subjects)
    for s in range(4):
        others = np.delete(z, s, axis=0).mean(0)
        expected = [np.corrcoef(subjects[s, :, v], others[:, v])[0, 1] for v in range(19)]
        np.testing.assert_allclose(found[s], expected, atol=1e-10)


def test_one_row_needs_one_other_subject_in_memory(rng):
    subjects = rng.standard_normal((4, 50, 21)).astype(np.float32)
    subjects += rng.standard_normal((50, 21))
    subjects[2, :, 3] = 1.5  # constant
    rows = intersubject_ceiling(subjects)
    for number, own in enumerate(subjects):
        others = (one for m, one in enumerate(subjects) if m != number)
        np.testing.assert_allclose(ceiling_of(own, others), rows[number], atol=1e-6)
    with pytest.raises(FitError, match="2 subjects or more"):
        ceiling_of(subjects[0], ())
    with pytest.raises(FitError, match="other 1"):
        ceiling_of(subjects[0], [subjects[1, :, :5]])


def test_intersubject_ceiling_of_two_is_their_correlation_and_of_copies_is_one(rng):
    subjects = rng.standard_normal((2, 60, 5))
    one, other = intersubject_ceiling(subjects)
    np.testing.assert_allclose(one, other, atol=1e-12)
    np.testing.assert_allclose(intersubject_ceiling([subjects[0]] * 3), 1, atol=1e-12)


def test_a_voxel_has_the_same_bits_in_any_split(rng):
    data = rng.standard_normal((3, 90, 37))
    for ceiling in (explainable_variance, intersubject_ceiling):
        parts = [ceiling(data[:, :, a:b]) for a, b in ((0, 1), (1, 20), (20, 37))]
        np.testing.assert_array_equal(ceiling(data), np.concatenate(parts, axis=-1))


def test_a_small_ceiling_is_no_divisor():
    score, ceiling = np.array([0.2, 0.2, 0.2, 0.2]), np.array([0.4, 0.1, 0.0, np.nan])
    np.testing.assert_allclose(normalised(score, ceiling, 0.1), [0.5, 2, np.nan, np.nan])
    np.testing.assert_allclose(normalised(score, ceiling, 0.2), [0.5, np.nan, np.nan, np.nan])


def test_impossible_input_is_refused(rng):
    data = rng.standard_normal((2, 10, 3))
    with pytest.raises(FitError, match="needs 2 repeats or more of a stimulus; got 1"):
        explainable_variance(data[:1])
    with pytest.raises(FitError, match=r"repeat 1 \(10, 3\), repeat 2 \(9, 3\)"):
        explainable_variance([data[0], data[1, 1:]])
    with pytest.raises(FitError, match=r"shapes \(10, 3\), \(10, 2\).*to a common space"):
        intersubject_ceiling([data[0], data[1, :, 1:]])
    with pytest.raises(FitError, match="needs 2 subjects or more; got 1"):
        intersubject_ceiling(data[:1])
    with pytest.raises(FitError, match="averaged is 0"):
        noise_ceiling(np.ones(1), averaged=0)
    with pytest.raises(FitError, match="least is 0; must be above 0"):
        normalised(np.ones(1), np.ones(1), 0)
    data[1, 3, 2] = np.inf
    with pytest.raises(FitError, match="subject 2: voxel 2 has values that are not finite"):
        intersubject_ceiling(data)
