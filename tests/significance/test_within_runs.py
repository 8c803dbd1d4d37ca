"""Blocks that stay in their run; ranges of permutations that join."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from d2b_ray.errors import FitError
from d2b_ray.significance import block_null, block_orders, merge, p_values
from d2b_ray.significance.blocks import fixed_blocks

RUNS = [23, 40, 7]


def rows_of(order, blocks):
    return np.concatenate([np.arange(blocks.starts[b], blocks.stops[b]) for b in order])


def test_rows_stay_in_their_run_and_each_block_comes_once():
    blocks = fixed_blocks(sum(RUNS), 10, RUNS)
    edges = np.cumsum([0, *RUNS])
    orders = block_orders(sum(RUNS), 10, 0, 50, seed=1, runs=RUNS)
    for order in orders:
        rows = rows_of(order, blocks)
        assert sorted(order) == list(range(len(blocks)))
        for first, end in pairwise(edges):
            assert sorted(rows[first:end]) == list(range(first, end))
    assert len({tuple(order) for order in orders}) > 30


def test_all_orders_of_a_run_are_equally_likely():
    orders = block_orders(30, 10, 0, 6000, seed=3, runs=[30])
    counts = Counter(map(tuple, orders))
    assert len(counts) == 6
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_counts_are_those_of_series_that_are_put_together(rng):
    prediction, response = rng.standard_normal((2, sum(RUNS), 20)).astype(np.float32)
    found = block_null(prediction, response, start=0, stop=60, seed=5, block_trs=10, runs=RUNS)
    blocks = fixed_blocks(sum(RUNS), 10, RUNS)
    orders = block_orders(sum(RUNS), 10, 0, 60, seed=5, runs=RUNS)

    def r(one, other):
        return np.array([np.corrcoef(one[:, v], other[:, v])[0, 1] for v in range(one.shape[1])])

    null = np.stack([r(prediction, response[rows_of(order, blocks)]) for order in orders])
    np.testing.assert_array_equal(found.exceed, (null >= r(prediction, response)).sum(0))
    np.testing.assert_allclose(found.maxima, null.max(1), atol=1e-5)


def test_shifts_between_runs_are_kept_and_p_is_uniform(rng):
    """Both series step from run to run: to a null that mixes runs, all such voxels look predicted."""
    runs, voxels = [150, 150, 150], 1500
    steps = np.repeat([0.0, 3.0, -3.0], 150)[:, None]
    prediction, response = rng.standard_normal((2, 450, voxels)) + steps
    options = {"start": 0, "stop": 199, "seed": 2, "block_trs": 10}
    within = block_null(prediction, response, runs=runs, **options)
    across = block_null(prediction, response, **options)
    p = (1 + within.exceed) / 200
    assert kstest(p - rng.uniform(0, 1 / 200, voxels), "uniform").pvalue > 1e-3
    assert ((1 + across.exceed) / 200 < 0.05).all()


def test_what_cannot_be_confined_is_refused(rng):
    series = rng.standard_normal((30, 2))
    options = {"start": 0, "stop": 2, "seed": 0, "block_trs": 5}
    with pytest.raises(FitError, match="sum the 30 samples"):
        block_null(series, series, runs=[10, 10], **options)
    with pytest.raises(FitError, match="must be philox"):
        block_null(series, series, runs=[10, 20], rng="legacy", **options)


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.sets(st.integers(1, 59), max_size=6),
    order=st.randoms(use_true_random=False),
    kind=st.sampled_from(["voxel", "pooled"]),
    runs=st.sampled_from([None, RUNS]),
)
def test_any_split_in_any_order_gives_the_same_counts(cuts, order, kind, runs):
    prediction, response = np.random.default_rng(0).standard_normal((2, sum(RUNS), 5))
    edges = [0, *sorted(cuts), 60]

    def counts(start, stop):
        return block_null(
            prediction, response, start=start, stop=stop, seed=9, kind=kind, runs=runs
        )

    parts = [counts(a, b) for a, b in pairwise(edges)]
    order.shuffle(parts)
    found, whole = merge(parts), counts(0, 60)
    np.testing.assert_array_equal(found.exceed, whole.exceed)
    np.testing.assert_array_equal(found.above, whole.above)
    np.testing.assert_array_equal(found.maxima, whole.maxima)
    assert (found.n_null, found.start) == (whole.n_null, 0)
    r = np.zeros(5, np.float32)
    np.testing.assert_array_equal(p_values(found, r).p, p_values(whole, r).p)


@pytest.mark.parametrize("second", [(5, 12), (11, 20)])
def test_ranges_that_overlap_or_leave_a_gap_are_refused(rng, second):
    series = rng.standard_normal((30, 2))
    parts = [block_null(series, series, start=a, stop=b, seed=0) for a, b in ((0, 10), second)]
    with pytest.raises(FitError, match="without gap or overlap"):
        merge(parts)
