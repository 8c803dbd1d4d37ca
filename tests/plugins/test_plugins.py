"""A modality and a layout from another package: a whole sweep, and that nothing runs unless it is named."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import forked
import numpy as np
import pytest

from cluster import plain_environment

TOY = Path(__file__).with_name("toy_lab")
ENTRIES = """\
[d2b_ray.modalities]
loudness = toy_lab.loudness:MODALITY
broken = toy_lab.broken:MODALITY

[d2b_ray.layouts]
tables = toy_lab.tables:TablesDataset
broken_tables = toy_lab.broken:Dataset
"""
RUNS = {"A_001": 120, "B_001": 120, "C_001": 120}
DELAYS = (3, 4, 5)
SWEEP = """\
name: toy
dataset: {{layout: tables, root: {root}}}
features:
  loud: {{modality: loudness, annotation: said, layers: 1}}
fits:
  - {{kind: ridge, features: loud, delays: {{start: 3, end: 5}}}}
significance: {{permutations: 20}}
output: {{root: {root}/out, figures: false, report: tables}}
"""
OURS = """\
name: ours
dataset: {layout: arrays, root: data}
features: {llm: {modality: semantic, annotation: story, model: BERT}}
fits: [{kind: ridge, features: llm, delays: {start: 3, end: 5}}]
output: {root: out}
"""


@pytest.fixture
def site(tmp_path):
    """A folder of installed packages, with the lab's own."""
    return installed(tmp_path / "site", "toy-lab", ENTRIES)


def installed(site, name, entries):
    if not site.exists():
        shutil.copytree(
            TOY, site / "toy_lab", ignore=shutil.ignore_patterns("imported", "__pycache__")
        )
    about = site / f"{name.replace('-', '_')}-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(entries)
    return site


@pytest.fixture
def spec(tmp_path):
    """A sweep over a small data set: voxel 0 of S1 follows the letters, voxel 1 nothing."""
    return written(tmp_path)


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """The sweep run once, to be copied."""
    folder = tmp_path_factory.mktemp("first_run")
    spec = written(folder)
    run(installed(folder / "site", "toy-lab", ENTRIES), spec, "--engine", "inline")
    return spec


@pytest.fixture
def done(first_run, spec):
    """The sweep with its results."""
    shutil.copytree(first_run.parent / "data" / "out", spec.parent / "data" / "out")
    return spec


def written(tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    rng = np.random.default_rng(5)
    columns = "title,part,seconds,overlap,split_all,split_a,split_b,cv_group"
    lines = [
        f"{run[0]},1,{seconds},0,{role},{role},{role},{group}"
        for group, ((run, seconds), role) in enumerate(
            zip(RUNS.items(), ("TRAIN", "TRAIN", "VALID"), strict=True)
        )
    ]
    (root / "runs.csv").write_text("\n".join([columns, *lines]) + "\n")
    for run, seconds in RUNS.items():
        texts = [" ".join("la" * n for n in rng.integers(1, 9, 3)) for _ in range(seconds)]
        letters = np.array([sum(map(str.isalpha, text)) for text in texts], float)
        padded = np.concatenate([np.zeros(max(DELAYS)), letters])
        driven = np.mean([padded[max(DELAYS) - d : len(padded) - d] for d in DELAYS], axis=0)
        voxels = np.stack([driven, rng.standard_normal(seconds)], axis=1)
        voxels += 0.3 * rng.standard_normal(voxels.shape)
        with (root / f"{run}.csv").open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["said", "S1.0", "S1.1"])
            out.writerows([text, *row] for text, row in zip(texts, voxels.tolist(), strict=True))
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP.format(root=root))
    return path


def d2b_ray(site, *words):
    path = f"{site}:{os.environ.get('PYTHONPATH', '')}"
    return forked.d2b_ray(*words, variables=plain_environment(PYTHONPATH=path))


def run(site, spec, *words):
    done = d2b_ray(site, "run", spec, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def features(spec):
    """Records of features by the option that made them, and the first run's rows."""
    out = spec.parent / "data" / "out"
    records = [json.loads(path.read_text()) for path in out.glob("units/feature/*.json")]
    (rows,) = out.glob("stim_features/loudness/said/meter/layer1/A_001.npy")
    return {record["params"]["set"]["power"]: record for record in records}, np.load(rows)


def test_a_whole_sweep_finds_what_was_planted(site, done):
    (cc,) = (done.parent / "data" / "out").glob(
        "encoding/S1/scores/TR3_5s/loudness/said/meter/layer1/cc_raw.npy"
    )
    planted, noise = np.load(cc)
    assert planted > 0.95
    assert abs(noise) < 0.3
    records, rows = features(done)
    assert rows.shape == (RUNS["A_001"], 3)
    about = records[1]["extra"]
    assert about["libraries"]["toy-lab"] == "0.1"
    assert about["model"]["fingerprint"] == about["model"]["weights"] == "meter@1"
    assert "Everything" in d2b_ray(site, "status", done).stdout


def test_an_option_of_its_own_is_part_of_the_key(site, done):
    first, plain = features(done)
    run(site, done, "--engine", "inline", "--set", "features.loud.power=2")
    second, squared = features(done)
    assert (list(first), list(second)) == ([1], [2])
    assert first[1]["key"] != second[2]["key"]
    np.testing.assert_array_equal(squared, plain**2)


def test_results_begun_with_other_code_of_a_plugin_are_not_continued_unasked(site, done):
    about = json.loads((done.parent / "data" / "out" / "environment.json").read_text())["code"]
    assert about["plug_ins"] == {"layout tables": "toy-lab 0.1", "modality loudness": "toy-lab 0.1"}
    with (site / "toy_lab" / "loudness.py").open("a") as file:
        file.write("# another formula, perhaps\n")
    more = ("run", done, "--engine", "inline", "--set", "significance.permutations=30")
    refused = d2b_ray(site, *more)
    assert refused.returncode == 2
    assert "computes with other code; --accept-code-change" in refused.stderr
    assert d2b_ray(site, *more, "--accept-code-change").returncode == 0


def test_layers_are_those_that_the_plugin_says(site, spec):
    done = d2b_ray(site, "plan", spec, "--set", "features.loud.layers=3")
    assert done.returncode == 2
    assert "features.loud.layers: meter has no layer 3; allowed: 1 to 2" in done.stderr
    done = d2b_ray(site, "plan", spec, "--set", "features.loud.model=ear")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "model 'ear': loudness has one model, meter" in done.stderr


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            "features.loud.modality=smell",
            (
                'features.loud.modality: got "smell"; must be one of: semantic, wordvectors, vision, '
                "audio, vision_language, words, surprisal, timedvectors, wordrate, own, events, "
                "confounds, broken, loudness"
            ),
        ),
        (
            "dataset.layout=nwb",
            (
                'dataset.layout: got "nwb"; must be one of: drama2brain, arrays, openneuro, bids, '
                "broken_tables, tables"
            ),
        ),
    ],
)
def test_an_unknown_name_lists_those_of_plugins(site, spec, change, line):
    done = d2b_ray(site, "check", spec, "--set", change)
    assert (done.returncode, done.stderr) == (2, f"d2b-ray: {spec} (--set): {line}\n")


def test_options_are_checked_like_those_of_any_modality(site, spec):
    for change, words in [
        ("features.loud.power=0", "features.loud.power: got 0; must be an integer >= 1"),
        ("features.loud.powr=2", "features.loud.powr: unknown key; did you mean power?"),
        ("features.loud.join=time", "features.loud.join: means nothing to loudness; must be one"),
    ]:
        done = d2b_ray(site, "check", spec, "--set", change)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert words in done.stderr


def test_a_sweep_that_does_not_name_it_never_imports_it(site, spec):
    ours = spec.with_name("ours.yaml")
    ours.write_text(OURS)
    assert d2b_ray(site, "check", ours).returncode == 0
    assert d2b_ray(site, "check", ours, "--set", "features.llm.power=2").returncode == 2
    assert d2b_ray(site, "check", ours, "--set", "features.llm.modality=smell").returncode == 2
    mark = site / "toy_lab" / "imported"
    assert not mark.exists()
    assert d2b_ray(site, "check", spec).returncode == 0
    assert mark.exists()


def test_a_plugin_that_cannot_be_imported_is_one_line(site, spec):
    reason = "(RuntimeError: no licence for this machine); mend or uninstall it"
    done = d2b_ray(site, "check", spec, "--set", "features.loud.modality=broken")
    assert done.returncode == 2
    assert done.stderr == (
        f"d2b-ray: {spec} (--set): features.loud.modality: modality 'broken': toy_lab.broken:MODALITY "
        f"of the package toy-lab 0.1 cannot be imported {reason}\n"
    )
    done = d2b_ray(site, "plan", spec, "--set", "dataset.layout=broken_tables")
    assert done.returncode == 2
    assert done.stderr == (
        "d2b-ray: layout 'broken_tables': toy_lab.broken:Dataset of the package toy-lab 0.1 cannot be "
        f"imported {reason}\n"
    )


def test_two_packages_with_one_name_are_told(site, spec):
    installed(site, "other-lab", "[d2b_ray.modalities]\nloudness = other_lab:MODALITY\n")
    done = d2b_ray(site, "check", spec)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "modality 'loudness' is in" in done.stderr
    assert "toy-lab 0.1" in done.stderr
    assert "other-lab 0.1" in done.stderr


@pytest.mark.ray
def test_a_worker_of_a_cluster_loads_its_model(site, spec):
    run(site, spec, "--num-cpus", "1")
    records, rows = features(spec)
    assert rows.shape == (RUNS["A_001"], 3)
    assert records[1]["extra"]["model"]["name"] == "meter"
