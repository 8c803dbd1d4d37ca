"""Blocks of `auto`: resolved before anything has a key, as if the number had been written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import world_of

from d2b_ray.plan import make_plan
from d2b_ray.plan.block_lengths import with_block_lengths
from d2b_ray.plan.remarks import remarks
from d2b_ray.spec import parse

SWEEP = """\
name: blocks
dataset: {layout: drama2brain, root: data}
features:
  llm: {modality: semantic, annotation: story, model: MiniLM, layers: 7}
fits:
  - {kind: ridge, features: llm, delays: {start: 3, end: 5}}
significance: {bootstrap: {}}
output: {root: results}
"""


def world(n_valid: int, runs=()):
    made = world_of(parse(SWEEP), ("S1",))
    sizes = replace(made.sizes, n_valid=n_valid)
    return replace(made, sizes=sizes, run_seconds=dict(enumerate(runs)))


@pytest.mark.parametrize(
    ("n_valid", "shuffled", "drawn"),
    [(60, 10, 10), (480, 40, 12), (2000, 100, 50), (7737, 100, 100)],
)
def test_a_share_of_the_series_between_ten_and_a_hundred(n_valid, shuffled, drawn):
    block = with_block_lengths(parse(SWEEP), world(n_valid)).significance
    assert (block.block_trs, block.bootstrap.block_trs) == (shuffled, drawn)


def test_within_runs_no_longer_than_a_quarter_of_the_shortest():
    sweep = parse(SWEEP, ["significance.within_runs=true"])
    block = with_block_lengths(sweep, world(2000, (1000, 200, 1000))).significance
    assert (block.block_trs, block.bootstrap.block_trs) == (50, 50)


def test_units_are_those_of_the_number_and_a_number_stays():
    here = world(480)
    named = ["significance.block_trs=40", "significance.bootstrap.block_trs=12"]
    one, two = (make_plan(parse(SWEEP, more), here) for more in ([], named))
    assert [unit.key for unit in one] == [unit.key for unit in two]
    given = parse(SWEEP, named)
    assert with_block_lengths(given, world(10_000)) is given


@pytest.mark.parametrize(
    ("n_valid", "overrides", "words"),
    [
        (
            2000,
            [],
            "1,000 permutations of test block, 20 blocks of 100 TRs, autocorrelation corrected",
        ),
        (2000, [], "intervals: 1,000 draws of 40 blocks of 50 TRs"),
        (140, [], "14 blocks of 10 TRs; fewer than 40 blocks make them too narrow"),
        (2000, ["significance.test=gauss"], "p-values: 1,000 permutations of test gauss"),
        (2000, [], "penalties: chosen over 4 folds of 5,565 samples on average"),
    ],
)
def test_a_plan_says_what_its_numbers_rest_on(n_valid, overrides, words):
    told = remarks(parse(SWEEP, overrides), world(n_valid))
    assert any(line.endswith(words) or words in line for line in told), told


def test_enough_blocks_and_rows_are_no_warning():
    assert "fewer" not in " ".join(remarks(parse(SWEEP), world(2000)))
