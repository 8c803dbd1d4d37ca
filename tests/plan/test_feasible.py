"""What cannot come out is refused before anything runs, with the numbers and what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import plan_of, world_of

from d2b_ray.errors import PlanError
from d2b_ray.features import components_for
from d2b_ray.plan import feature_units
from d2b_ray.spec import parse

SWEEP = """
name: small
dataset: {layout: arrays, root: data}
features: {llm: {modality: semantic, annotation: story, model: MiniLM, layers: 1}}
fits: [{kind: ridge, features: llm, delays: {start: 3, end: 5}}]
output: {root: results}
"""


def refused(*overrides: str, **sizes: int) -> str:
    sweep = parse(SWEEP, overrides)
    world = world_of(sweep)
    with pytest.raises(PlanError) as caught:
        feature_units(sweep, replace(world, sizes=replace(world.sizes, **sizes)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_runs_need_roles_and_two_groups():
    assert "no run has the role TRAIN in split 'all'" in refused(n_train=0)
    assert "no run has the role VALID in split 'splitA'" in refused(
        "dataset.split=splitA", n_valid=0
    )
    assert "all training runs of split 'all' of the run table have one cv_group" in refused(
        n_groups=1
    )


def test_a_reduction_is_no_wider_than_the_features_and_the_rows():
    assert refused("fits.0.reduce={pca: 5000}") == (
        "fits.0.reduce.pca: 5000 makes 5000 columns of MiniLM, which has 4096, and of 22262 training "
        "rows; must be 1 to 4096"
    )
    assert "must be 1 to 300" in refused("fits.0.reduce={pca: 400}", n_train=300)
    columns = components_for(0.1, 22262)  # scikit-learn's
    assert f"makes {columns} columns of MiniLM" in refused("fits.0.reduce={srp: 0.1}")
    assert plan_of(parse(SWEEP, ["fits.0.reduce=[{pca: 4096}, {srp: 0.2}]"]))
    assert "which has 50" in refused(
        "fits.0.reduce={pca: 60}", "features.llm.reduce={components: 50}"
    )


@pytest.mark.parametrize(
    ("overrides", "valid", "words"),
    [
        (
            ("significance.block_trs=300",),
            600,
            "into 2 blocks, which have 2 orders: no p can be below 0.5",
        ),
        (
            ("significance.block_trs=600",),
            600,
            "into 1 blocks, which have 1 orders: no p can be below 1",
        ),
        (("significance.permutations=18",), 600, "no p can be below 0.053"),
        (("significance.permutations=98", "significance.level=0.01"), 600, "must be 99 or more"),
    ],
)
def test_a_test_that_could_never_find_anything_is_refused(overrides, valid, words):
    assert words in refused(*overrides, n_valid=valid)


@pytest.mark.parametrize(
    "overrides",
    [
        ("significance.test=parametric", "significance.block_trs=600"),
        ("significance.test=none",),
        ("significance.permutations=19",),
        ("significance.block_trs=150",),
        ("preset=drama2brain",),
    ],
)
def test_what_can_find_something_is_planned(overrides):
    sweep = parse(SWEEP, overrides)
    world = world_of(sweep)
    assert feature_units(sweep, replace(world, sizes=replace(world.sizes, n_valid=600)))
