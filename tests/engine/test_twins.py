"""The demo in every layout: the same scores at the same TR, the same truth found at another."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from problems import Quiet, hashed
from scipy.io import loadmat

from d2b_ray.data import open_dataset
from d2b_ray.data.dataset import DataChoices
from d2b_ray.data.demo import write_demo
from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import DataError
from d2b_ray.spec import parse
from d2b_ray.store import Store

SWEEP = """
name: twin
dataset: {{layout: {layout}, root: {root}, responses: {{zscore: none}}}}
features:
  said: {{modality: wordvectors, annotation: story, model: {words}}}
fits:
  - {{kind: ridge, features: said, delays: {{start: 3, end: 6}}}}
significance: {{test: none}}
output: {{root: {out}, figures: false, report: tables}}
"""
LAYOUTS = ("drama2brain", "openneuro", "bids", "arrays")


def featurize(level, captions):
    """What drives the voxels is what the sweep reads: vectors of words, mean over annotators."""
    return {
        run: np.stack([np.mean([_mean(text) for text in row], axis=0) for row in rows]).astype("f4")
        for run, rows in captions.items()
    }


@cache
def _mean(text):
    words = re.findall("[a-z]+", text.lower())
    return np.mean([_vector(word) for word in words], axis=0) if words else np.zeros(16)


def _vector(word):
    return hashed("", {"r": [[word]]})["r"][0]


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twins")
    write_demo(folder / "first", hashed, voxels=20, subjects=("S1",), stimuli=False)
    said = " ".join(p.read_text() for p in sorted((folder / "first" / "annotations").iterdir()))
    lines = [
        f"{w} {' '.join(map(str, _vector(w)))}"
        for w in sorted(set(re.findall("[a-z]+", said.lower())))
    ]
    (folder / "words.txt").write_text("\n".join(lines) + "\n")
    return folder / "words.txt"


def found(folder, words, layout, tr_s=1.0):
    root, out = folder / "data", folder / "out"
    write_demo(
        root, featurize, voxels=60, subjects=("S1",), stimuli=False, layout=layout, tr_s=tr_s
    )
    sweep = parse(SWEEP.format(layout=layout, root=root, out=out, words=words))
    summary = run_sweep(sweep, Quiet(), engine="inline")
    assert summary.ok, summary.failed
    store = Store(str(out))
    (fit,) = store.read_table("tables/fits.parquet").to_pylist()
    table = store.read_table(f"tables/voxels/{fit['subject']}/{fit['fit']}.parquet").to_pandas()
    return table.sort_values("index").reset_index(drop=True), np.load(root / "truth.npz")


@pytest.fixture(scope="module")
def first(words, tmp_path_factory):
    return found(tmp_path_factory.mktemp("drama"), words, "drama2brain")


def best(table, truth):
    """Mean r of the voxels that stories drive strongly, and of noise."""
    strong = (truth["S1_strength"] == 2) & (truth["S1_level"] == "story")
    return table.r[strong].mean(), table.r[truth["S1_strength"] == 0].mean()


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_the_same_numbers_in_every_layout(layout, first, words, tmp_path):
    table, truth = found(tmp_path, words, layout)
    np.testing.assert_array_equal(table["index"], first[0]["index"])
    np.testing.assert_allclose(table.r, first[0].r, atol=2e-5)
    for name in truth.files:
        np.testing.assert_array_equal(truth[name], first[1][name])
    driven, noise = best(table, truth)
    assert driven > 0.35
    assert abs(noise) < 0.15
    assert table.x.notna().all() == (layout in ("bids", "arrays"))


@pytest.mark.parametrize("layout", ["bids", "arrays"])
def test_the_truth_is_found_at_another_tr(layout, words, tmp_path):
    table, truth = found(tmp_path, words, layout, 1.5)
    driven, noise = best(table, truth)
    assert driven > 0.35
    assert abs(noise) < 0.15
    assert table.delay_start_s.unique().tolist() == [3.0]


def test_openneuro_has_the_names_and_types_of_the_release(words, tmp_path):
    root = tmp_path / "data"
    write_demo(root, featurize, voxels=30, subjects=("S01",), stimuli=False, layout="openneuro")
    prepared = root / "derivatives/preprocessed_data/sub-S01"
    assert (prepared / "sub-S01_task-kitchen_run-02.mat").is_file()
    assert loadmat(prepared / "vset_100.mat")["tvoxels"].min() >= 1
    path = root / "derivatives/annotation/kitchen_run-01_speechTranscription_each1sec.txt"
    lines = path.read_text().splitlines()
    assert lines[0].startswith("[00000]メイン#")
    dataset = open_dataset("openneuro", str(root))
    run = next(run for run in dataset.runs.used if run.name == "Kitchen_001")
    path.write_text("\n".join(["[0001]\u3000不明", "メイン#a b/other:メイン#c", *lines[2:]]) + "\n")
    rows = dataset.captions(run, "speechTranscription")
    assert rows[:2] == [["..", ".."], ["a b", "c"]]
    assert "story" in dataset.levels()
    path.unlink()
    with pytest.raises(DataError, match=r"kitchen_run-01_speechTranscription.* are missing"):
        dataset.caption_files("speechTranscription")
    with pytest.raises(DataError, match=r"dataset\.tr_s: layout openneuro does not take it"):
        open_dataset("openneuro", str(root), DataChoices(options={"tr_s": 2.0}))


def test_a_tr_that_a_layout_does_not_have_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a TR of 2 s: layout openneuro is at 1 s"):
        write_demo(tmp_path / "x", featurize, layout="openneuro", tr_s=2.0)
    with pytest.raises(DataError, match="must be one of: drama2brain, arrays, bids, openneuro"):
        write_demo(tmp_path / "x", featurize, layout="nwb")
