"""Every message of `data check` that is no refusal of a reader: what is there, odd, or leaks."""

from __future__ import annotations

import json

import numpy as np
import pytest
from golden_cases import GOLDEN
from problems import write_tiny

from d2b_ray.cli.checking import check_data
from d2b_ray.spec import parse

MODEL = GOLDEN / "features" / "text_bert" / "model"
SWEEP = """
name: checked
dataset: {{layout: {layout}, root: {root}{more}}}
features: {{said: {{{block}, model: {model}, layers: [2]}}}}
fits: [{{kind: ridge, features: said, delays: {{start: 3, end: 5}}, reduce: {{pca: 2}}}}]
output: {{root: {out}}}
"""


def check(
    capsys,
    root,
    out,
    *,
    layout="arrays",
    more=", tr_s: 1.0",
    block="modality: semantic, annotation: story",
):
    spec = SWEEP.format(layout=layout, root=root, out=out, more=more, block=block, model=MODEL)
    code = check_data(parse(spec), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert all("\n" not in one["words"] for one in found)
    return code, [(one["level"], one["words"]) for one in found]


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(1)
    for folder in ("responses/S1", "annotations", "words/said"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    root = tmp_path / "data"
    for n in range(3):
        np.save(root / f"responses/S1/r{n}.npy", rng.standard_normal((40, 6)).astype(np.float32))
        text = "\n".join(["one\ttwo", *(f"line {n} {s}\tthe fox" for s in range(40))])
        (root / f"annotations/r{n}_story.txt").write_text(text)
        rows = [f"{s}\t{s + 0.5}\tfox" for s in range(30)]
        (root / f"words/said/r{n}.tsv").write_text("\n".join(["onset\toffset\tword", *rows]))
    (root / "runs.csv").write_text("run,role\nr0,train\nr1,train\nr2,test\n")
    return root


def test_all_is_well_but_for_components_of_all_folds(root, tmp_path, capsys):
    code, found = check(capsys, root, tmp_path / "out")
    assert code == 0
    assert [words for level, words in found if level == "warning"] == [
        "principal components are those of all training runs, those that a fold holds out among them"
    ]
    assert ("ok", "3 runs of 6 voxels") in found


def test_captions_that_do_not_fit_their_runs(root, tmp_path, capsys):
    path = root / "annotations/r1_story.txt"
    whole = path.read_text()
    path.write_text("\n".join(whole.splitlines()[:30]))
    code, found = check(capsys, root, tmp_path / "out")
    assert code == 2
    assert any(
        "29 rows of captions below the header; the run table says 40 s" in w for _, w in found
    )
    path.write_text(whole.replace("\tthe fox", "", 1))
    _, found = check(capsys, root, tmp_path / "out")
    assert any(
        "1 columns where the first row has 2" in w or "2 columns where the first row has 1" in w
        for _, w in found
    )
    path.unlink()
    _, found = check(capsys, root, tmp_path / "out")
    assert any(w.startswith(f"{path}: captions of level 'story' are missing") for _, w in found)


def test_voxels_that_cannot_be_fitted_are_counted(root, tmp_path, capsys):
    path = root / "responses/S1/r1.npy"
    rows = np.load(path)
    rows[3, 1], rows[:, 4] = np.nan, 7.0
    np.save(path, rows)
    code, found = check(capsys, root, tmp_path / "out")
    assert code == 0
    assert any("up to 2 of 6 voxels of a run are not finite or do not vary" in w for _, w in found)


def test_words_without_times_and_of_another_clock(root, tmp_path, capsys):
    block = "modality: words, annotation: said"
    path = root / "words/said/r0.tsv"
    path.write_text(path.read_text() + "\nn/a\tn/a\twolf\n31\t30\tbear\n")
    code, found = check(capsys, root, tmp_path / "out", block=block)
    assert code == 0
    told = [words for level, words in found if level == "warning"]
    assert "1 of 92 words have no time: read as context, without a row of features" in told
    assert "1 words end before they begin: their onset is taken for their time" in told
    late = [f"{1000 * s}\t{1000 * s + 500}\tfox" for s in range(30)]
    path.write_text("\n".join(["onset\toffset\tword", *late]))
    code, found = check(capsys, root, tmp_path / "out", block=block)
    assert code == 2
    assert any("words begin after the 40 s of run r0; times must be seconds" in w for _, w in found)


def test_runs_of_one_title_that_follow_each_other(tmp_path, capsys):
    root = write_tiny(tmp_path / "data", voxels=20)
    code, found = check(capsys, root, tmp_path / "out", layout="drama2brain", more="")
    assert code == 0
    told = [words for level, words in found if level == "warning" and "follow each other" in words]
    assert len(told) == 4
    assert told[0] == (
        "runs Courtroom_001 and Courtroom_002, in training and validation, follow each other in one title; "
        "features reach 5 s back, and 20 samples are left out between them"
    )


def test_a_data_set_that_cannot_be_opened_is_the_only_finding(tmp_path, capsys):
    code, found = check(capsys, tmp_path / "none", tmp_path / "out")
    assert code == 2
    assert len(found) == 1
    assert "is not a folder" in found[0][1]
