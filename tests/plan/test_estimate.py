"""Laws of an estimate, and the table that people see."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import plan_of

from d2b_ray.plan import (
    CPU_CORE,
    GPU,
    Estimate,
    Plan,
    Sizes,
    estimate,
    feature_key,
    long_fits,
    value_bytes,
)
from d2b_ray.plan.describe import HEADINGS, bytes_text, duration_text, rows, summary
from d2b_ray.plan.estimate import FIXED_S, UNIT_OVERHEAD_S
from d2b_ray.spec import parse

SWEEP = """\
name: small
dataset: {layout: drama2brain, root: data, subjects: all}
features:
  llm: {modality: semantic, annotation: story, model: MiniLM, layers: [1, 7]}
fits:
  - {kind: ridge, features: llm, delays: {start: 3, end: 5}}
output: {root: results, save: [scores, coef]}
"""
FACTS = Sizes(
    n_train=1000,
    n_valid=300,
    seconds=1400,
    n_groups=4,
    voxels={"S1": 2000, "S2": 3000},
    width={("semantic", "MiniLM"): 384},
    depth={("semantic", "MiniLM"): 7},
)


def plan(*overrides: str) -> Plan:
    return plan_of(parse(SWEEP, overrides))


def by_kind(made: Plan, done: frozenset[str] = frozenset()) -> dict[str, Estimate]:
    return {entry.kind: entry for entry in estimate(made, FACTS, done)}


def finished(made: Plan) -> frozenset[str]:
    layers = {feature_key(u.params, n) for u in made.of("extract") for n in u.layers}
    return frozenset(layers | {u.key for u in made if u.kind in ("commit", "gather")})


def test_bytes_are_those_of_the_arrays() -> None:
    found = by_kind(plan())
    assert found["extract"].bytes == 2 * 1400 * 384 * 4
    table, scores = 8, 2
    assert found["commit"].bytes == 2 * (2000 + 3000) * 4 * (table + scores + 384)


def test_a_finished_sweep_costs_nothing() -> None:
    made = plan()
    for entry in estimate(made, FACTS, finished(made)):
        assert (entry.units, entry.seconds, entry.bytes) == (entry.done, 0.0, 0)


def test_what_lives_in_memory_is_needed_only_for_unfinished_commits() -> None:
    made = plan()
    commit = made.of("commit")[-1]
    found = by_kind(made, finished(made) - {commit.key})
    left = {kind: entry.units - entry.done for kind, entry in found.items()}
    assert left == {
        "extract": 0,
        "design": 1,
        "factorize": 1,
        "fit": 1,
        "null": 6,  # 88,000 voxels, 16,384 a task
        "commit": 1,
        "gather": 0,
    }


def test_a_missing_layer_costs_that_layer() -> None:
    made = plan()
    extract = made.of("extract")[0]
    found = by_kind(made, finished(made) - {feature_key(extract.params, 7)})
    assert found["extract"].bytes == 1400 * 384 * 4
    assert found["fit"].seconds == 0


@pytest.mark.parametrize(
    ("kind", "override", "factor"),
    [
        ("null", "features.llm.layers=[1, 2, 6, 7]", 2.0),
        ("fit", "features.llm.layers=[1, 2, 6, 7]", 2.0),
        ("extract", "features.llm.annotation=[story, speech]", 2.0),
    ],
)
def test_twice_the_work_takes_twice_the_time(kind: str, override: str, factor: float) -> None:
    ratio = by_kind(plan(override))[kind].seconds / by_kind(plan())[kind].seconds
    assert ratio == pytest.approx(factor, rel=0.03)  # starting a unit costs, too


@pytest.mark.parametrize("reduce", ["none", "{pca: 50}", "{srp: 0.5}"])
@pytest.mark.parametrize("combine", ["mean", "concat"])
@pytest.mark.parametrize("solver", ["auto", "himalaya"])
def test_every_kind_of_fit_has_a_price_and_a_gpu_is_faster(
    reduce: str, combine: str, solver: str
) -> None:
    made = plan(
        f"fits.0.reduce={reduce}", f"fits.0.delays.combine={combine}", f"fits.0.solver={solver}"
    )
    slow, fast = (
        sum(entry.seconds for entry in estimate(made, FACTS, rates=rates))
        for rates in (CPU_CORE, GPU)
    )
    assert 0 < fast < slow


def test_fits_that_take_far_longer_than_most_are_known_with_what_they_need() -> None:
    ridge = "{kind: ridge, features: llm, delays: {start: 3, end: 5}}"
    banded = BANDED.removeprefix("fits=[").replace("unique: true, ", "").removesuffix("]")
    made = plan(f"fits=[{ridge}, {banded}]")
    long = [made[key] for key in long_fits(made, FACTS)]
    fits = {unit.key for unit in long if unit.kind == "fit"}
    assert fits == {unit.key for unit in made.of("fit") if "bands" in unit.params}
    assert len(fits) == len(FACTS.voxels)
    assert {need for key in fits for need in made[key].needs} <= {unit.key for unit in long}
    assert not long_fits(plan(f"fits=[{ridge}]"), FACTS)
    assert not long_fits(plan(f"fits=[{banded}]"), FACTS)


BANDED = ("fits=[{kind: banded, unique: true, delays: {start: 3, end: 5}, bands: "
          "{a: {from: llm, layers: 1}, b: {from: llm, layers: 7}}}]")  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "asked", "override"),
    [
        (
            "bootstrap",
            "significance.bootstrap={samples: 500}",
            "significance.bootstrap.samples=1000",
        ),
        (
            "bootstrap",
            "significance.bootstrap={block_trs: 10}",
            "significance.bootstrap.block_trs=5",
        ),
        ("compare", "compare={by: layer}", "compare.permutations=2000"),
        ("compare", "compare={by: layer}", "significance.block_trs=50"),  # auto: 100
    ],
)
def test_what_is_told_beside_r_costs_by_its_draws(kind: str, asked: str, override: str) -> None:
    one, two = by_kind(plan(asked))[kind], by_kind(plan(asked, override))[kind]
    overhead = one.units * (UNIT_OVERHEAD_S + FIXED_S.get(kind, 0))
    assert two.seconds - overhead == pytest.approx(2 * (one.seconds - overhead), rel=0.02)


def test_intervals_of_bands_cost_their_predictions_and_their_sums() -> None:
    made = plan(BANDED, "significance.bootstrap={}")
    plain = plan(BANDED)
    sizes = [value_bytes(one, FACTS)[one.of("fit")[0].key] for one in (made, plain)]
    assert sizes[0] - sizes[1] == 4 * 2 * 300 * 2000
    alone = by_kind(plan("significance.bootstrap={}"))["bootstrap"]
    joint = by_kind(made)["bootstrap"]
    per_unit = [(one.seconds / one.units - 0.02) for one in (alone, joint)]
    assert per_unit[1] == pytest.approx(per_unit[0] * (5 + 2 * 8) / 5)


def test_a_formula_costs_its_commit_and_a_ceiling_its_subjects() -> None:
    drawn, formula = by_kind(plan()), by_kind(plan("significance.test=parametric"))
    assert "null" not in formula
    assert formula["commit"].seconds > drawn["commit"].seconds
    assert by_kind(plan("significance.ceiling=subjects"))["ceiling"].units == 2


def test_predictions_that_are_kept_for_comparisons_are_written() -> None:
    before, after = by_kind(plan()), by_kind(plan("compare={by: layer}"))
    assert after["commit"].bytes - before["commit"].bytes == 2 * 300 * (2000 + 3000) * 4


def test_the_table_has_a_row_a_kind_and_the_totals() -> None:
    made = plan()
    table = rows(estimate(made, FACTS))
    assert [row[0] for row in table] == [
        "extract",
        "design",
        "factorize",
        "fit",
        "null",
        "commit",
        "gather",
        "all",
    ]
    assert {len(row) for row in table} == {len(HEADINGS)}
    assert table[-1][1] == f"{len(made)}"
    assert summary(made) == "4 fits of 1 model to 2 subjects"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (42.0, "42 s"),
        (240, "4 min"),
        (12600, "3.5 h"),
        (3e5, "3.5 d"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (7.8e9, "7.8 GB"), (3e15, "3000.0 TB")],
)
def test_sizes_read_well(size: float, text: str) -> None:
    assert bytes_text(size) == text


@pytest.mark.parametrize(
    ("samples", "block_trs", "count"),
    [
        (600, 50, 1000),
        (7737, 10, 1000),
        (7737, 100, 50),
        (600, 1, 200),
        (1000, 7, 20),
        (700, 700, 3),
    ],
)
def test_a_null_of_blocks_costs_what_the_cheaper_loop_does(samples, block_trs, count) -> None:
    from d2b_ray.catalog.significance_tests import TESTS, CorrelationSizes
    from d2b_ray.significance.blocks import fixed_blocks
    from d2b_ray.significance.operations import ADDING, DIRECT, fourier_flops
    from d2b_ray.significance.products import Permuted

    blocks = fixed_blocks(samples, block_trs)
    orders = np.tile(np.arange(len(blocks)), (count, 1))
    sizes = CorrelationSizes(samples, 1, count, block_trs)
    flops = TESTS["block"].flops
    assert flops is not None
    loop = flops(sizes) - fourier_flops(sizes)
    anew = DIRECT * count * samples
    if Permuted.of(orders, blocks, None).entries is None:
        assert loop == pytest.approx(anew)
    else:
        assert ADDING * count * len(blocks) < loop < anew * (1 + 1e-9)
