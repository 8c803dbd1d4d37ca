"""Feature sets in shards: whole runs of frames and sound, distinct texts of captions."""

from __future__ import annotations

import pytest

from d2b_ray.plan import Plan, Unit, by_runs, by_texts, run_shards, sharded, text_shards, unit_key

RUNS = {"A": 300, "B": 200, "C": 500, "D": 700, "E": 100}
TEXTS = ("a dog", "rain", "a dog runs", "night", "a house")


def extract(**params) -> Unit:
    params = {"modality": "semantic", "model": "m", "tokens": "avg", **params}
    key = unit_key("extract", params)
    return Unit("extract", key, params, (), "extract m", model="m", layers=(1, 4))


def plan_of(*sets: Unit) -> Plan:
    keys = tuple(unit.key for unit in sets)
    user = Unit("design", unit_key("design", {"feature": keys[0]}), {}, keys, "design m")
    units = (*sets, user)
    return Plan(units, {unit.key: unit for unit in units}, 0)


def test_whole_runs_in_a_row_up_to_the_seconds_of_a_shard():
    unit = extract(modality="vision")
    shards = run_shards(unit, (4,), RUNS, 600)
    assert [dict(shard.place["runs"]) for shard in shards] == [
        {"A": 300, "B": 200}, {"C": 500}, {"D": 700}, {"E": 100},
    ]  # fmt: skip
    assert [shard.label for shard in shards] == [
        "extract m A to B", "extract m C", "extract m D", "extract m E",
    ]  # fmt: skip
    assert {shard.layers for shard in shards} == {(4,)}
    assert {shard.model for shard in shards} == {"m"}
    assert run_shards(unit, (4,), RUNS, 1800) == []


def test_distinct_texts_in_order_up_to_the_size_of_a_shard():
    shards = text_shards(extract(annotation="story"), "weights", (4,), TEXTS, 2)
    assert [shard.place["texts"] for shard in shards] == [
        ["a dog", "rain"], ["a dog runs", "night"], ["a house"],
    ]  # fmt: skip
    assert [shard.label for shard in shards] == [
        "extract m texts 1 to 2", "extract m texts 3 to 4", "extract m texts 5 to 5",
    ]  # fmt: skip
    assert not text_shards(extract(), "weights", (4,), (), 2)


@pytest.mark.parametrize(
    ("options", "fingerprint", "layers", "equal"),
    [
        ({"annotation": "speech", "window": 3, "annotators": "splitA"}, "weights", (4,), True),
        ({"tokens": "last"}, "weights", (4,), False),
        ({"dtype": "float16"}, "weights", (4,), False),
        ({}, "other weights", (4,), False),
        ({}, "weights", (1, 4), False),
    ],
)
def test_a_shard_of_texts_is_known_by_how_they_are_read(options, fingerprint, layers, equal):
    """Not by who asks for them: levels, windows and annotators share what they have in common."""
    here = text_shards(extract(annotation="story"), "weights", (4,), TEXTS, 9)
    there = text_shards(extract(**options), fingerprint, layers, TEXTS, 9)
    assert (here[0].key == there[0].key) == equal
    assert here[0].key != text_shards(extract(), "weights", (4,), TEXTS[1:], 9)[0].key


def test_an_extract_unit_joins_its_shards():
    one, other = extract(annotation="story"), extract(annotation="speech")
    plan = plan_of(one, other)
    shards = text_shards(one, "weights", (4,), TEXTS, 2)
    found = sharded(plan, {one.key: shards[:2], other.key: shards[1:]})
    assert [unit.kind for unit in found] == [
        "shard", "shard", "extract", "shard", "extract", "design",
    ]  # fmt: skip
    joins = found.of("extract")
    assert [unit.needs for unit in joins] == [
        (shards[0].key, shards[1].key), (shards[1].key, shards[2].key),
    ]  # fmt: skip
    assert [unit.key for unit in joins] == [one.key, other.key]  # shards change no features
    assert {unit.work_kind for unit in joins} == {"join"}
    assert all(found[unit.key] is unit for unit in found)
    assert sharded(plan, {}).units == plan.units
    assert {unit.work_kind for unit in plan.of("extract")} == {"extract"}


@pytest.mark.parametrize(
    ("modality", "tokens", "runs", "texts"),
    [
        ("semantic", "avg", False, True),
        ("semantic", "last", False, True),
        ("semantic", "flat", False, False),  # rows depend on the longest text
        ("wordvectors", "avg", False, False),
        ("vision", "flat", True, False),
        ("audio", "avg", True, False),
        ("vision_language", "avg", True, False),
    ],
)
def test_which_feature_sets_are_made_how(modality, tokens, runs, texts):
    params = {"modality": modality, "tokens": tokens}
    assert (by_runs(params), by_texts(params)) == (runs, texts)
