"""Keys and folders of all modalities: what changes the numbers changes the key, nothing else does."""

from __future__ import annotations

import pytest
from worlds import plan_of

from d2b_ray.errors import PlanError
from d2b_ray.features import NO_LAYER as NO_LAYER_OF_FEATURES
from d2b_ray.features import components_for
from d2b_ray.plan import NO_LAYER, Sizes, estimate, feature_key
from d2b_ray.spec import parse
from d2b_ray.store import FitPlace, Layout

SWEEP = """\
name: small
dataset: {layout: drama2brain, root: data}
features:
  see: {modality: vision, model: DeiT, layers: 3}
  hear: {modality: audio, model: AST, layers: 3, tokens: flat, reduce: {srp: 0.3}}
  words: {modality: wordvectors, annotation: story, model: GloVe}
  both: {modality: vision_language, annotation: story, model: GIT, layers: 3}
fits:
  - {kind: ridge, features: [see, hear, words, both], delays: {start: 3, end: 5}}
output: {root: results}
"""


def plan(*overrides: str, rows: int = 1000):
    return plan_of(parse(SWEEP, overrides), ("S",), layers=4, rows=rows)


def keys(*overrides: str, rows: int = 1000) -> dict[str, str]:
    return {
        u.params["modality"]: feature_key(u.params, u.layers[0])
        for u in plan(*overrides, rows=rows).of("extract")
    }


@pytest.mark.parametrize(
    ("override", "modality"),
    [
        ("features.see.frame_size=32", "vision"),
        ("features.see.frame_size=null", "vision"),
        ("features.see.source=video", "vision"),
        ("features.see.dtype=float16", "vision"),
        ("features.see.reduce={components: 9}", "vision"),
        ("features.see.trust_remote_code=true", "vision"),
        ("features.hear.reduce.seed=7", "audio"),
        ("features.hear.reduce.srp=0.4", "audio"),
        ("features.hear.window=2", "audio"),
        ("features.words.unknown=zeros", "wordvectors"),
        ("features.words.join=sorted", "wordvectors"),
        ("features.both.silence=skip", "vision_language"),
        ("features.both.annotators=splitA", "vision_language"),
    ],
)
def test_what_changes_the_numbers_changes_the_key(override: str, modality: str) -> None:
    before, after = keys(), keys(override)
    assert {name for name in before if before[name] != after[name]} == {modality}


def test_a_projection_by_eps_is_one_by_its_columns() -> None:
    columns = components_for(0.3, 1000)
    assert keys() == keys(f"features.hear.reduce={{components: {columns}}}")
    assert keys()["audio"] != keys(rows=2000)["audio"]


def test_without_the_rows_eps_is_refused() -> None:
    with pytest.raises(PlanError, match="give components"):
        plan_of(parse(SWEEP), ("S",), layers=4)


def test_folders() -> None:
    made = plan()
    columns = components_for(0.3, 1000)
    assert NO_LAYER == NO_LAYER_OF_FEATURES
    found = {
        u.params["modality"]: Layout.feature(u.params, u.layers[0], "GIS1_001")
        for u in made.of("extract")
    }
    assert found == {
        "vision": "stim_features/vision/avgToken/DeiT/layer3/GIS1_001.npy",
        "audio": f"stim_features/audio/cw1_flatToken_{columns}srp/AST/layer3/GIS1_001.npy",
        "wordvectors": "stim_features/wordvectors/story_cw1_avgToken_ALL/GloVe/layerNone/GIS1_001.npy",
        "vision_language": "stim_features/vision_language/story_avgToken_ALL/GIT/layer3/GIS1_001.npy",
    }
    places = {u.place["modality"]: FitPlace.of(u.place) for u in made.of("commit")}
    folder = "encoding/S/scores/TR3_5s/wordvectors/story_cw1_avgToken_ALL/GloVe/layerNone"
    assert places["wordvectors"].folder == folder
    assert {name: place.annotation for name, place in places.items()} == {
        "vision": "frames", "audio": "sound", "wordvectors": "story", "vision_language": "story",
    }  # fmt: skip
    labels = {unit.label for unit in made.of("fit")}
    assert {"fit S frames DeiT layer3 TR3-5", "fit S story GloVe layerNone TR3-5"} <= labels


def test_two_sizes_of_frames_cannot_share_a_folder() -> None:
    other = "features.more={modality: vision, model: DeiT, layers: 3, frame_size: 32}"
    with pytest.raises(PlanError, match=r"differ in frame_size \(224 and 32\)"):
        plan(other, "fits.0.features=[see, more]")


def test_widths_of_an_estimate() -> None:
    models = [("vision", "DeiT"), ("audio", "AST"), ("wordvectors", "GloVe"),
              ("vision_language", "GIT")]  # fmt: skip
    facts = Sizes(
        n_train=100, n_valid=10, seconds=110, n_groups=2, voxels={"S": 10},
        width=dict.fromkeys(models, 8), depth=dict.fromkeys(models, 4),
    )  # fmt: skip
    (extract,) = (e for e in estimate(plan(), facts) if e.kind == "extract")
    assert extract.bytes == 4 * 110 * (3 * 8 + components_for(0.3, 1000))
