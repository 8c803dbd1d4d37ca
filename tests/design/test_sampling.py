"""Clocks of stimuli to samples: closed forms, and the sum that the field's code computes."""

from __future__ import annotations

import numpy as np
import pytest

from d2b_ray.arrays import Clock
from d2b_ray.design import Sampling, to_scans
from d2b_ray.design.sampling import a_row_a_second
from d2b_ray.errors import DataError

METHODS = ("mean", "boxcar", "hold", "nearest", "lanczos")


def points(*times: float) -> Clock:
    return Clock(np.array(times), np.zeros(len(times)))


def regular(rows: int, rate: float) -> Clock:
    return Clock(np.arange(rows) / rate, np.full(rows, 1 / rate))


@pytest.mark.parametrize("method", METHODS)
def test_a_row_a_second_at_a_tr_of_one_second_is_left_as_it_is(rng, method):
    rows = rng.standard_normal((40, 3)).astype(np.float32)
    found = to_scans(rows, a_row_a_second(40), 1.0, 40, Sampling(method))
    np.testing.assert_allclose(found, rows, rtol=0, atol=1e-6)


def test_the_mean_is_the_integral_over_the_sample(rng):
    rows = rng.standard_normal((60, 2)).astype(np.float32)
    found = to_scans(rows, a_row_a_second(60), 1.5, 40, Sampling("mean"))
    integral = np.vstack([np.zeros(2), np.cumsum(rows, axis=0, dtype=float)])
    at = np.arange(41) * 1.5
    whole = np.stack([np.interp(at, np.arange(61), column) for column in integral.T], axis=1)
    np.testing.assert_allclose(found, np.diff(whole, axis=0) / 1.5, atol=1e-6)


def test_frames_of_any_rate_come_to_the_same_where_the_signal_is_slow():
    """A slow sine, seen 15 times a second: the mean over a TR in closed form, and Lanczos at its middle."""
    rate, tr, scans, hz = 15.0, 2.0, 100, 0.02
    rows = np.sin(2 * np.pi * hz * (np.arange(3000) + 0.5) / rate)[:, None]
    middle = (np.arange(scans) + 0.5) * tr
    inner = slice(10, 90)  # Lanczos reaches over 3 TRs at both ends
    mean = to_scans(rows, regular(3000, rate), tr, scans, Sampling("mean"))[:, 0]
    exact = np.sin(2 * np.pi * hz * middle) * np.sinc(hz * tr)
    np.testing.assert_allclose(mean[inner], exact[inner], atol=1e-4)
    lanczos = to_scans(rows, regular(3000, rate), tr, scans, Sampling("lanczos"))[:, 0]
    np.testing.assert_allclose(lanczos[inner], np.sin(2 * np.pi * hz * middle)[inner], atol=0.01)


def test_lanczos_over_points_is_the_sum_of_huth(rng):
    """His `lanczosinterp2D`, written out: sum_j w(cutoff (t_i - t_j)) x_j, cutoff 1 / TR, 3 lobes."""
    times = np.sort(rng.uniform(0, 60, 150))
    rows = rng.standard_normal((150, 4))
    tr = 2.0
    expected = np.zeros((30, 4))
    for i in range(30):
        for j, time in enumerate(times):
            t = ((i + 0.5) * tr - time) / tr
            if abs(t) <= 3:
                weight = (
                    1.0
                    if t == 0
                    else 3 * np.sin(np.pi * t) * np.sin(np.pi * t / 3) / (np.pi * t) ** 2
                )
                expected[i] += weight * rows[j]
    found = to_scans(rows, points(*times), tr, 30, Sampling("lanczos"))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_events_are_the_part_of_the_sample_that_they_take():
    rows = np.eye(2)
    clock = Clock(np.array([15.0, 20.0]), np.array([4.0, 2.5]))  # 15-19 and 20-22.5
    found = to_scans(rows, clock, 2.5, 12, Sampling("boxcar"))
    assert found[:, 0].tolist() == pytest.approx([0] * 6 + [1.0, 0.6, 0, 0, 0, 0])
    assert found[:, 1].tolist() == pytest.approx([0] * 8 + [1.0, 0, 0, 0])
    assert found[:, 0].sum() * 2.5 == pytest.approx(4.0)
    nested = Clock(np.array([0.0, 5.0]), np.array([30.0, 1.0]))  # one within the other
    np.testing.assert_allclose(
        to_scans(rows, nested, 2.5, 12, Sampling("boxcar")).sum(0) * 2.5, [30.0, 1.0], rtol=1e-6
    )


def test_words_of_a_sample_are_averaged_or_counted():
    rows = np.array([[1.0], [3.0], [5.0]])
    clock = points(0.1, 1.9, 2.0)
    mean, total = (to_scans(rows, clock, 2.0, 3, Sampling(m))[:, 0] for m in ("mean", "sum"))
    assert mean.tolist() == [2.0, 5.0, 0.0]
    assert total.tolist() == [4.0, 5.0, 0.0]
    ones = to_scans(np.ones((3, 1)), clock, 2.0, 3, Sampling("sum"))[:, 0]
    assert ones.tolist() == [2.0, 1.0, 0.0]  # a rate of words


def test_hold_and_nearest():
    rows = np.array([[1.0], [2.0], [3.0]])
    clock = points(1.0, 4.0, 9.0)
    held = to_scans(rows, clock, 2.0, 6, Sampling("hold"))[:, 0]  # at 1, 3, 5, 7, 9, 11
    assert held.tolist() == [1, 1, 2, 2, 3, 3]
    near = to_scans(rows, clock, 2.0, 6, Sampling("nearest"))[:, 0]
    assert near.tolist() == [1, 2, 2, 3, 3, 3]
    assert to_scans(rows, points(5.0, 6.0, 7.0), 2.0, 2, Sampling("hold"))[:, 0].tolist() == [0, 0]


def test_offset_stretch_and_slice_reference_move_the_clock():
    rows = np.array([[1.0]])
    at = [
        to_scans(rows, points(10.0), 1.0, 40, Sampling("sum", **more))[:, 0].argmax()
        for more in ({}, {"offset_s": 5.0}, {"stretch": 2.0}, {"offset_s": 1.0, "stretch": 3.0})
    ]
    assert at == [10, 15, 20, 31]
    early = to_scans(rows, points(10.4), 1.0, 40, Sampling("sum", slice_reference=1.0))[:, 0]
    assert early.argmax() == 9  # the sample of which the end, 10 s, is nearest


def test_clocks_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="2 rows of features, and 3 times"):
        to_scans(np.ones((2, 1)), points(1, 2, 3), 1.0, 5, Sampling())
    with pytest.raises(DataError, match="finite"):
        to_scans(np.ones((1, 1)), points(np.nan), 1.0, 5, Sampling())
    assert to_scans(np.ones((0, 2)), points(), 1.0, 3, Sampling("nearest")).tolist() == [[0, 0]] * 3
