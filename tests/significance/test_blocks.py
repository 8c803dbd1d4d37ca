"""Blocks: what they cover, and that none leaves its run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from d2b_ray.errors import FitError
from d2b_ray.significance.blocks import fixed_blocks, moving_blocks

RUNS = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(RUNS, st.integers(1, 40))
def test_fixed_blocks_hold_each_row_once_and_stay_in_their_run(runs, block_trs):
    samples = sum(runs)
    blocks = fixed_blocks(samples, block_trs, runs)
    rows = [np.arange(*edge) for edge in zip(blocks.starts, blocks.stops, strict=True)]
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(samples))
    run_of = np.repeat(np.arange(len(runs)), runs)
    assert all(len(set(run_of[block])) == 1 for block in rows)
    assert blocks.lengths.max() <= block_trs


@settings(max_examples=60, derandomize=True, deadline=None)
@given(RUNS, st.integers(1, 40))
def test_moving_blocks_start_anywhere_and_stay_in_their_run(runs, block_trs):
    blocks = moving_blocks(sum(runs), block_trs, runs)
    assert len(blocks) == sum(max(run - block_trs + 1, 1) for run in runs)
    run_of = np.repeat(np.arange(len(runs)), runs)
    np.testing.assert_array_equal(run_of[blocks.starts], run_of[blocks.stops - 1])
    expected = np.minimum(np.array(runs)[run_of[blocks.starts]], block_trs)
    np.testing.assert_array_equal(blocks.lengths, expected)


def test_without_runs_only_the_last_block_is_short():
    np.testing.assert_array_equal(fixed_blocks(23, 10).lengths, [10, 10, 3])
    np.testing.assert_array_equal(moving_blocks(23, 10).lengths, [10] * 14)


@pytest.mark.parametrize("make", [fixed_blocks, moving_blocks])
def test_impossible_blocks_are_refused(make):
    with pytest.raises(FitError, match="block_trs is 0; must be 1 or more"):
        make(10, 0)
    for runs in ([], [5, 4], [11, -1], [10, 0]):
        with pytest.raises(FitError, match="their sum the 10 samples"):
            make(10, 3, runs)
