"""Features that lie ready: drama2brain's tree, MATLAB files of the release, trees of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from problems import Quiet, hashed
from scipy.io import savemat

from d2b_ray.data import open_dataset
from d2b_ray.data.demo import write_demo
from d2b_ray.engine.session import prepare, run_sweep
from d2b_ray.errors import D2BError
from d2b_ray.spec import parse
from d2b_ray.store import Layout

GUIDE = (Path(__file__).resolve().parents[2] / "d2b_ray/cli/guides/models.md").read_text()
SWEEP = """
name: own
dataset: {{layout: drama2brain, root: {root}, subjects: [DM01]}}
features:
  mine: {{modality: semantic, annotation: story, model: my-features, layers: 1}}
fits:
  - {{kind: ridge, features: mine, delays: {{start: 3, end: 5}}}}
significance: {{test: none}}
output: {{root: {out}}}
"""
FOLDER = "stim_features/semantic/story_cw1_avgToken_ALL/my-features/layer1"


@pytest.fixture
def root(tmp_path):
    write_demo(tmp_path / "data", hashed, voxels=20, subjects=("DM01",), stimuli=False)
    return tmp_path / "data"


@pytest.fixture
def features(root, rng):
    """Random features of every run."""
    runs = open_dataset("drama2brain", str(root)).runs.used
    return {r.name: rng.standard_normal((r.seconds, 5)).astype(np.float32) for r in runs}


def sweep(root, *overrides):
    return parse(SWEEP.format(root=root, out=root.parent / "out"), list(overrides))


def refused(root, *overrides):
    with pytest.raises(D2BError) as caught:
        prepare(sweep(root, *overrides), Quiet())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def save(root, features, folder=FOLDER):
    (root / folder).mkdir(parents=True)
    for run, rows in features.items():
        np.save(root / folder / f"{run}.npy", rows)


def test_a_tree_of_features_is_read_as_it_is(root, features):
    folder = root / "stim_features/semantic/story_cw1_avgToken_ALL/my-features/layer1"
    assert str(folder).removeprefix(f"{root}/") in GUIDE.replace("<model>", "my-features")
    folder.mkdir(parents=True)
    for run, rows in features.items():
        np.save(folder / f"{run}.npy", rows)
    summary = run_sweep(sweep(root), Quiet(), engine="inline")
    assert summary.ok
    assert "extract" not in summary.executed
    assert summary.executed["fit"] == 1
    out = root.parent / "out"
    assert not (out / "stim_features").exists()
    coef = parse_fit(out)["numbers"]["features"]
    assert coef == 5


def parse_fit(out):
    import json

    (path,) = out.rglob("fit.json")
    return json.loads(path.read_text())


def test_a_run_that_is_missing_is_named(root, features):
    save(root, features)
    last = max(features)
    (root / FOLDER / f"{last}.npy").unlink()
    line = refused(root)
    assert "model 'my-features'" in line
    assert f"1 of {len(features)} runs are missing, the first is {FOLDER}/{last}.npy" in line


def test_without_any_the_line_says_where_they_would_be(root, features):
    assert f"would be in {root}/stim_features/semantic/OPTIONS/my-features" in refused(root)
    save(root, features)
    line = refused(root, "features.mine.layers=all", "features.mine.window=2")
    assert f"would be in {root}/{FOLDER.replace('cw1', 'cw2')}" in line


@pytest.mark.parametrize("fault", ["short", "narrow", "flat", "pickled", "torn"])
def test_features_that_do_not_fit_the_run_table(root, features, fault):
    run = sorted(features)[2]
    rows = features[run]
    changed = {"short": rows[:-1], "narrow": rows[:, :3], "flat": rows[:, 0]}
    save(root, features | ({run: changed[fault]} if fault in changed else {}))
    path = root / FOLDER / f"{run}.npy"
    if fault == "pickled":
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    if fault == "torn":
        path.write_bytes(path.read_bytes()[:100])
    line = refused(root)
    assert line.startswith(f"{path}: features ")
    if fault in changed:
        assert f"of shape {changed[fault].shape}; expected ({len(rows)}, 5)" in line


def test_features_at_two_rows_a_second_are_refused_unless_cut(root, features):
    """Their first half would fit: silently, another stimulus than that of the responses."""
    save(root, {run: np.repeat(rows, 2, axis=0) for run, rows in features.items()})
    run, rows = next(iter(features.items()))
    line = refused(root)
    assert (
        f"{FOLDER}/{run}.npy: {2 * len(rows)} rows of features; the run table says {len(rows)} s"
        in line
    )
    assert "dataset.extra_rows: cut" in line
    assert prepare(sweep(root, "dataset.extra_rows=cut"), Quiet())


def test_only_layers_that_lack_are_extracted(root, features):
    """A model that exists, of which two layers of three lie ready."""
    from problems import MODEL

    chosen = [f"features.mine.model={MODEL}", "features.mine.layers=[1, 2, 3]"]
    (unit,) = prepare(sweep(root, *chosen), Quiet()).sweep_run.plan.of("extract")
    for layer in (1, 3):
        save(root, features, Layout.feature_folder(unit.params, layer))
    sweep_run = prepare(sweep(root, *chosen), Quiet()).sweep_run
    assert sweep_run.state.missing_layers == {unit.key: (2,)}


@pytest.fixture
def release(root, features):
    """The same features as the release's files: other names, MATLAB v5."""
    table = (root / "runs.csv").read_text().splitlines()
    lines = [f"{table[0]},public_file"]
    folder = root / "derivatives" / "feature"
    folder.mkdir(parents=True)
    for line in table[1:]:
        title, part = line.split(",")[:2]
        name = f"{title.lower()}_run-{int(part):02d}"
        lines.append(f"{line},task-{name}")
        rows = features[f"{title}_{int(part):03d}"]
        savemat(folder / f"{name}_story_GPT2medium_en_layer6_mean.mat", {"stim": rows})
    (root / "runs.csv").write_text("\n".join(lines) + "\n")
    return root


OF_RELEASE = ("features.mine.model=GPT2medium_en", "features.mine.layers=6")


def test_features_of_the_release_are_those_of_a_tree(release, features):
    assert run_sweep(sweep(release, *OF_RELEASE), Quiet(), engine="inline").ok
    (found,) = (release.parent / "out").rglob("cc_raw.npy")
    save(release, features)
    own = sweep(release, f"output.root={release.parent}/tree")
    assert run_sweep(own, Quiet(), engine="inline").ok
    (expected,) = (release.parent / "tree").rglob("cc_raw.npy")
    np.testing.assert_array_equal(np.load(found), np.load(expected))


@pytest.mark.parametrize("fault", ["short", "other variable", "no matlab"])
def test_files_of_the_release_that_do_not_fit(release, features, fault):
    path = min((release / "derivatives" / "feature").iterdir())
    if fault == "short":
        savemat(path, {"stim": np.zeros((3, 5), np.float32)})
    elif fault == "other variable":
        savemat(path, {"x": np.zeros((3, 5), np.float32)})
    else:
        path.write_bytes(b"no")
    line = refused(release, *OF_RELEASE)
    words = {"short": "of shape (3, 5)", "other variable": "has no variable stim"}
    assert words.get(fault, "cannot be read as a MATLAB v5 file") in line
    assert line.startswith(str(path))
