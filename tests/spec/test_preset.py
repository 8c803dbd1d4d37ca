"""The preset fills ordinary options, only where nothing was set by hand."""

from __future__ import annotations

import pytest

from d2b_ray.spec import parse, to_yaml

SMALL = """\
name: small
dataset: {layout: drama2brain, root: data}
features:
  llm: {modality: semantic, annotation: story, model: MiniLM}
fits:
  - {kind: ridge, features: llm, delays: {start: 3, end: 5}}
output: {root: results}
"""
BY_HAND = [
    "features.llm.join=sorted",
    "features.llm.dtype=float16",
    "fits.0.delays.boundary=video",
    "fits.0.intercept=none",
    "significance.permutations=1",
    "significance.block_trs=10",
    "significance.autocorrelation=blocks",
    "significance.null=pooled",
    "significance.rule=drama2brain",
    "significance.rng=legacy",
]


def test_the_preset_is_nothing_but_options() -> None:
    by_hand = parse(SMALL, BY_HAND)
    assert parse(SMALL, ["preset=drama2brain"]) == by_hand.model_copy(
        update={"preset": "drama2brain"}
    )


@pytest.mark.parametrize(
    "override",
    [
        "features.llm.join=time",
        "features.llm.dtype=float32",
        "fits.0.delays.boundary=run",
        "fits.0.intercept=fold",
        "significance.permutations=1000",
        "significance.null=voxel",
        "significance.rule=plus_one",
        "significance.seed=7",
        "significance.level=0.01",
    ],
)
def test_what_is_set_by_hand_stays(override: str) -> None:
    key, value = override.split("=")
    sweep = parse(SMALL, ["preset=drama2brain", override]).model_dump()
    for part in key.split("."):
        sweep = sweep[int(part)] if isinstance(sweep, tuple) else sweep[part]
        if key.startswith("fits") and part == "delays":
            sweep = sweep[0]
    assert str(sweep) == value


def test_videos_are_delayed_whole_unless_reduced() -> None:
    sweep = parse(SMALL, ["preset=drama2brain", "fits.0.reduce=[{pca: 2}, none, {srp: 0.5}]"])
    found = [
        (reduction.as_plain(), delays.boundary)
        for fit in sweep.fits
        for reduction in fit.reduce
        for delays in fit.delays
    ]
    assert found == [("none", "video"), ({"pca": 2}, "run"), ({"srp": 0.5}, "run")]


def test_a_filled_sweep_is_not_filled_again() -> None:
    sweep = parse(SMALL, ["preset=drama2brain"])
    assert parse(to_yaml(sweep)) == sweep


@pytest.mark.parametrize(
    ("tokens", "expected"), [("avg", ("sorted", "missing")), ("flat", ("sorted", "zeros"))]
)
def test_words_are_those_of_drama2brain(tokens: str, expected: tuple[str, str]) -> None:
    chosen = (
        f"features.llm={{modality: wordvectors, annotation: story, model: ./g, tokens: {tokens}}}"
    )
    block = parse(SMALL, ["preset=drama2brain", chosen]).features["llm"]
    assert (block.join, block.unknown) == expected
    kept = parse(SMALL, ["preset=drama2brain", chosen, "features.llm.unknown=missing"])
    assert kept.features["llm"].unknown == "missing"


def test_other_modalities_have_nothing_to_fill() -> None:
    chosen = "features.llm={modality: vision, model: DeiT}"
    assert parse(SMALL, ["preset=drama2brain", chosen]).features == parse(SMALL, [chosen]).features
