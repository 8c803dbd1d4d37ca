"""Paths, pinned as literals: they are a promise to notebooks and to earlier stores."""

from __future__ import annotations

import pytest

from d2b_ray.errors import PlanError, StoreError
from d2b_ray.store import FitPlace, Layout, model_folder

FEATURE = {
    "modality": "semantic", "annotation": "story", "window": 1, "tokens": "avg", "annotators": "ALL",
    "model": "GPT2",
}  # fmt: skip
PLACE = {
    "subject": "DM01", "start_s": 3, "end_s": 5, "modality": "semantic",
    "hparams": ["story", "cw1", "avgToken", "ALL"], "model": "GPT2", "layer": 17, "reduce": None,
    "split": "all", "label": None,
}  # fmt: skip
FOLDER = "encoding/DM01/scores/TR3_5s/semantic/story_cw1_avgToken_ALL/GPT2/layer17"


def test_features():
    path = "stim_features/semantic/story_cw1_avgToken_ALL/GPT2/layer2/SUITS_001.npy"
    assert Layout.feature(FEATURE, 2, "SUITS_001") == path


@pytest.mark.parametrize(
    ("change", "suffix"),
    [
        ({}, "raw"),
        ({"reduce": {"pca": 1280}}, "1280PCs"),
        ({"reduce": {"srp": 0.1}}, "0.1eps"),
        ({"split": "splitA"}, "raw_splitA"),
        ({"reduce": {"pca": 5}, "split": "splitB", "label": "new"}, "5PCs_splitB_new"),
    ],
)
def test_fits(change, suffix):
    place = FitPlace.of(PLACE | change)
    assert place.folder == FOLDER
    assert place.annotation == "story"
    assert place.cc == f"{FOLDER}/cc_{suffix}.npy"
    assert place.cv_cc == f"{FOLDER}/cv_cc_{suffix}.npy"
    assert place.pvalues_corrected == f"{FOLDER}/pvalues_corrected_{suffix}.npy"
    assert place.coef == f"{FOLDER}/coef_{suffix}.npy"
    assert place.figure == f"{FOLDER}/dist_{suffix}.png"
    end = "" if suffix == "raw" else f"_{suffix}"
    assert place.summary == f"{FOLDER}/fit{end}.json"


def test_records_and_failures():
    path = Layout.record("commit", "ab12", "cd34")
    assert path == "units/commit/ab12.cd34.json"
    assert Layout.parse_record(path) == ("commit", "ab12", "cd34")
    assert path.startswith(Layout.records_of("commit", "ab12"))
    assert Layout.parse_failure(Layout.failure("ab12")) == "ab12"
    assert Layout.parse_record(Layout.failure("ab12")) is None
    assert Layout.voxels("DM01", "ab12") == "tables/voxels/DM01/ab12.parquet"


def test_models_never_share_a_folder():
    names = ["a/b", "a--b", "./a", "../a", "/x/a", "a", "a/b/c", "org/a", "./org/a"]
    folders = [model_folder(name) for name in names]
    assert len(set(folders)) == len(names)
    assert all("/" not in folder for folder in folders)


@pytest.mark.parametrize("bad", ["", "..", "a/b", "a\nb", "x" * 201])
def test_impossible_names_are_refused(bad):
    with pytest.raises(StoreError, match="cannot be part of a path"):
        FitPlace.of(PLACE | {"subject": bad}).folder  # noqa: B018  # the property refuses


def test_concat_and_the_other_arrays():
    place = FitPlace.of(PLACE | {"combine": "concat"})
    folder = FOLDER.replace("TR3_5s", "TR3_5s_concat")
    assert place.alphas == f"{folder}/alphas_raw.npy"
    assert place.predictions == f"{folder}/preds_val_raw.npy"
    assert place.array("preds_trn") == f"{folder}/preds_trn_raw.npy"


def test_a_dash_beside_the_slash_is_told_apart():
    assert model_folder("openai-community/gpt2") == "openai-community--gpt2"
    assert model_folder("a-/b") != model_folder("a/-b")


@pytest.mark.parametrize("change", [{"label": "a/b"}, {"split": "../x"}, {"label": "a\nb"}])
def test_impossible_endings_are_refused(change):
    with pytest.raises(StoreError, match="cannot be part of a path"):
        FitPlace.of(PLACE | change).cc  # noqa: B018  # the property refuses


@pytest.mark.parametrize(
    ("kind", "key", "inputs"),
    [("failed", "a", "b"), ("a/b", "a", "b"), ("fit", "a.b", "c"), ("fit", "", "c")],
)
def test_impossible_records_are_refused(kind, key, inputs):
    with pytest.raises(StoreError, match="is not the name of a record"):
        Layout.record(kind, key, inputs)


def test_tokens_and_reductions_without_a_name_are_refused():
    with pytest.raises(PlanError, match="allowed: avg, last, flat"):
        Layout.feature(FEATURE | {"tokens": "max"}, 2, "SUITS_001")
    with pytest.raises(StoreError, match="allowed: pca, srp"):
        FitPlace.of(PLACE | {"reduce": {"ica": 3}})
