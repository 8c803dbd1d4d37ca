"""Long feature sets in shards of whole runs; short ones, and captions, in one piece."""

from __future__ import annotations

import pytest

from d2b_ray.plan import Plan, Unit, sharded, unit_key

RUNS = {"A": 300, "B": 200, "C": 500, "D": 700, "E": 100}


def plan_of(modality: str) -> Plan:
    params = {"modality": modality, "model": "m"}
    key = unit_key("extract", params)
    made = Unit("extract", key, params, (), "extract m", model="m", layers=(1, 4))
    user = Unit("design", unit_key("design", {"feature": key}), {}, (key,), "design m")
    return Plan((made, user), {unit.key: unit for unit in (made, user)}, 0)


@pytest.mark.parametrize("modality", ["vision", "audio", "vision_language"])
def test_whole_runs_in_a_row_up_to_the_seconds_of_a_shard(modality):
    plan = plan_of(modality)
    (old,) = plan.of("extract")
    found = sharded(plan, {old.key: (4,)}, RUNS, 600)
    shards, (joins,) = found.of("shard"), found.of("extract")
    assert [dict(shard.place["runs"]) for shard in shards] == [
        {"A": 300, "B": 200}, {"C": 500}, {"D": 700}, {"E": 100},
    ]  # fmt: skip
    assert [shard.label for shard in shards] == [
        "extract m A to B", "extract m C", "extract m D", "extract m E",
    ]  # fmt: skip
    assert {shard.layers for shard in shards} == {(4,)}  # those that are missing
    assert {shard.model for shard in shards} == {"m"}
    assert joins.needs == tuple(shard.key for shard in shards)
    assert joins.key == old.key  # shards are no part of what features are
    assert [unit.kind for unit in found] == ["shard"] * 4 + ["extract", "design"]
    assert len({unit.key for unit in found}) == len(found)
    assert all(found[unit.key] is unit for unit in found)


@pytest.mark.parametrize(
    ("modality", "seconds", "missing"),
    [
        ("vision", 1800, (1, 4)),  # all fits into one shard
        ("vision", 600, ()),  # nothing is to be made
        ("semantic", 600, (1, 4)),  # distinct texts of all runs are run once
        ("wordvectors", 600, (1, 4)),
    ],
)
def test_otherwise_one_unit_does_it_all(modality, seconds, missing):
    plan = plan_of(modality)
    (old,) = plan.of("extract")
    assert sharded(plan, {old.key: missing}, RUNS, seconds).units == plan.units
