"""Feature sets in shards: whole runs of frames and sound, distinct texts of captions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import world_of

from d2b_ray.plan import (
    FeatureLayer,
    Unit,
    by_runs,
    by_texts,
    feature_key,
    feature_units,
    make_plan,
    reading_key,
    run_shards,
    text_choice,
    text_shards,
    unit_key,
)
from d2b_ray.spec import parse

RUNS = {"A": 300, "B": 200, "C": 500, "D": 700, "E": 100}
TEXTS = ("a dog", "rain", "a dog runs", "night", "a house")


def extract(**params) -> Unit:
    params = {"modality": "semantic", "model": "m", "tokens": "avg", **params}
    key = unit_key("extract", params)
    return Unit("extract", key, params, (), "extract m", model="m", layers=(1, 4))


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


SWEEP = """
name: shared
dataset: {layout: drama2brain, root: data}
features:
  llm: {modality: semantic, annotation: [story, speech], model: m, layers: [1, 4]}
fits:
  - {kind: ridge, features: llm, delays: {start: 3, end: 5}}
output: {root: results}
resources: {extract: {shard_texts: 2}}
"""


def world_with(*, made=(), rows=()):
    """Captions of two levels, of which two texts are the same; `made` layers of story, `rows` read."""
    sweep = parse(SWEEP)
    world = world_of(sweep)
    story, speech = feature_units(sweep, world)
    features = {
        feature_key(unit.params, layer): FeatureLayer(
            "features", {"captions": "c", "model m": "weights"},
            made=unit is story and layer in made,
        )
        for unit in (story, speech)
        for layer in unit.layers
    }  # fmt: skip
    texts = {
        text_choice(story.params): TEXTS[:4],
        text_choice(speech.params): (TEXTS[3], TEXTS[1], TEXTS[4]),
    }
    read = dict.fromkeys(rows, frozenset({1, 4}))
    reading = reading_key(story.params, "weights")
    return sweep, replace(world, features=features, texts=texts, rows={reading: read})


def test_an_extract_unit_joins_its_shards():
    sweep, world = world_with()
    plan = make_plan(sweep, world)
    shards = plan.of("shard")
    assert [shard.place["texts"] for shard in shards] == [
        ["a dog", "rain"], ["a dog runs", "night"], ["a house"],
    ]  # fmt: skip
    story, speech = plan.of("extract")
    assert story.needs == (shards[0].key, shards[1].key)
    assert set(speech.needs) == {shards[1].key, shards[0].key, shards[2].key}
    assert {unit.work_kind for unit in (story, speech)} == {"join"}
    assert [dict(plan.inputs[shard.key]) for shard in shards] == [{"model m": "weights"}] * 3
    assert all(plan[unit.key] is unit for unit in plan)
    bare = make_plan(sweep, world_of(sweep))  # nothing is known of any text
    assert [unit.key for unit in bare.of("extract")] == [story.key, speech.key]
    assert {unit.work_kind for unit in bare.of("extract")} == {"extract"}
    assert not bare.of("shard")


def test_what_is_read_and_what_is_made_is_not_asked_for_again():
    sweep, world = world_with(rows=("rain", "a house"))
    plan = make_plan(sweep, world)
    keys = [shard.key for shard in make_plan(*world_with()).of("shard")]
    assert [shard.key for shard in plan.of("shard")] == keys  # the same shards, with less to read
    assert [shard.place["texts"] for shard in plan.of("shard")] == [
        ["a dog"], ["a dog runs", "night"], [],
    ]  # fmt: skip
    done = make_plan(*world_with(made=(1, 4)))
    story, speech = done.of("extract")
    assert not story.needs
    assert len(speech.needs) == 3  # cut as if story had not been made
    half = make_plan(*world_with(made=(1,)))
    assert [shard.layers for shard in half.of("shard")] == [(4,), (4,), (1, 4), (1, 4)]


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
