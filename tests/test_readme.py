"""What the README says is so: help texts, the tree, the keys of its sweep, the commands it names."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import forked
import nibabel
import numpy as np
import pytest
from golden_cases import GOLDEN
from own_data import Planted, write_bids

from cluster import plain_environment
from d2b_ray import open_results
from d2b_ray.schedule import policy
from d2b_ray.spec import parse
from d2b_ray.store import FitPlace, Layout

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
GUIDES = "".join(path.read_text() for path in sorted((ROOT / "d2b_ray/cli/guides").glob("*.md")))
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def block_with(words):
    """The one code block that holds `words`."""
    (found,) = [text for _, text in BLOCKS if words in text]
    return found


def test_the_help_is_the_programs():
    done = subprocess.run(
        [sys.executable, "-m", "d2b_ray.cli", "--help"], capture_output=True, text=True, check=True,
        env=plain_environment(COLUMNS="80"),
    )  # fmt: skip
    shown = [line.rstrip() for line in done.stdout.strip().splitlines()]
    wanted = block_with("Usage: d2b-ray").strip().splitlines()
    assert shown[1:] == wanted[1:]


def test_the_sweep_is_valid():
    sweep = parse(block_with("name: levels"))
    assert [reduction.as_plain() for reduction in sweep.fits[0].reduce] == ["none", {"pca": 640}]


def d2b_ray(*words, cwd):
    """A command of the README, as it is typed."""
    done = forked.d2b_ray(*words, variables=plain_environment(PYTHONPATH=str(ROOT)), folder=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ones_own_arrays_by_the_commands_of_the_readme(tmp_path, rng):
    """The files that it lists, its table and its sweep, from arrays to a map; engine inline."""
    mine = tmp_path / "mine"
    for folder in ("responses/S1", "features", "voxels"):
        (mine / folder).mkdir(parents=True)
    (mine / "runs.csv").write_text(block_with("run,role"))
    weights = rng.standard_normal((4, 20))
    for run in (1, 2, 3):
        rows = np.repeat(rng.standard_normal((600, 4)), 5, axis=0)  # half a second each
        np.save(mine / "features" / f"energy_run-{run}.npy", rows)
        driven = np.roll(rows[:3000].reshape(200, 15, 4).mean(1), 3, axis=0) @ weights
        noise = rng.standard_normal(driven.shape)
        np.save(mine / "responses" / "S1" / f"run-{run}.npy", 800 + driven + noise)
    mask = np.zeros((5, 4, 3), bool)
    mask[:, :, 1] = True
    np.savez(mine / "voxels" / "S1.npz", mask=mask, affine=np.diag([2.0, 2, 2, 1]))
    (tmp_path / "mine.yaml").write_text(block_with("name: mine"))
    commands = [line.split() for line in block_with("d2b-ray export mine.yaml").splitlines()]
    assert [words[0] for words in commands] == ["d2b-ray"] * 3
    told = [d2b_ray(*words[1:], *(["--engine", "inline"] if "run" in words else []), cwd=tmp_path)
            for words in commands]  # fmt: skip
    assert "0 errors, 0 warnings" in told[0]
    values = np.asarray(nibabel.load(tmp_path / "r.nii.gz").dataobj)
    assert np.isfinite(values).sum() == 20
    assert np.nanmedian(values) > 0.3


def test_prepared_data_by_the_sweep_of_the_readme(tmp_path):
    """Its tasks and folders, as fMRIPrep names files: checked, run inline, found."""
    planted = Planted(1.5)
    write_bids(tmp_path / "study", planted, task="objects")
    (tmp_path / "objects.yaml").write_text(block_with("name: objects"))
    assert "0 errors" in d2b_ray("data", "check", "objects.yaml", cwd=tmp_path)
    d2b_ray("run", "objects.yaml", "--engine", "inline", cwd=tmp_path)
    results = open_results(tmp_path / "results" / "objects")
    assert results.fits.responses[0].startswith(
        "cosines of periods above 128 s taken out, trans_?, rot_?"
    )
    r = results.voxels().r.to_numpy()
    assert np.median(r[planted.driven]) > 0.4
    left, right = (tmp_path / f"r_hemi-{side}.func.gii" for side in "LR")
    d2b_ray(
        "export",
        "objects.yaml",
        "r.func.gii",
        "--subject",
        "sub-01",
        "--surface",
        "fsaverage5",
        cwd=tmp_path,
    )
    assert [len(nibabel.load(path).darrays[0].data) for path in (left, right)] == [10242, 10242]
    values = nibabel.load(left).darrays[0].data
    assert np.nanmax(np.abs(values), initial=0) <= np.abs(r).max()


def test_words_by_the_blocks_of_the_readme(tmp_path, rng):
    root = tmp_path / "spoken"
    (root / "words" / "transcript").mkdir(parents=True)
    (root / "responses" / "S1").mkdir(parents=True)
    for run in range(3):
        rows = [f"{n}\t{n + 0.4}\tfox" for n in range(0, 100, 2)]
        text = "\n".join(["onset\toffset\tword", *rows])
        (root / "words" / "transcript" / f"run-{run + 1}.tsv").write_text(text)
        np.save(root / "responses" / "S1" / f"run-{run + 1}.npy", rng.standard_normal((50, 4)))
    (root / "runs.csv").write_text(block_with("run,role"))
    head = "name: spoken\ndataset: {layout: arrays, root: spoken, tr_s: 2.0}\noutput: {root: out}\n"
    fits = "fits: [{kind: ridge, features: [speech, rate], delays: {start: 2, end: 6}}]\n"
    (tmp_path / "spoken.yaml").write_text(head + fits + block_with("modality: words, annotation"))
    model = ("--set", f"features.speech.model={GOLDEN}/features/text_gpt2/model")
    d2b_ray("run", "spoken.yaml", "--engine", "inline", *model, "--set", "features.speech.layers=[2]",
            "--set", "significance.test=parametric", cwd=tmp_path)  # fmt: skip
    assert sorted(open_results(tmp_path / "out").fits.modality) == ["wordrate", "words"]


def test_the_estimators_of_the_readme_fit(rng):
    names = {"features": rng.standard_normal((80, 5)), "responses": rng.standard_normal((80, 3))}
    exec(f"import d2b_ray\n{block_with('d2b_ray.Delayer')}", names)
    assert names["predicted"].shape == (80, 3)


def test_the_old_command_of_the_readme_is_a_sweep(tmp_path):
    command = block_with("from-drama2brain --root").partition(">")[0].replace("\\\n", " ")
    assert parse(d2b_ray(*shlex.split(command)[1:], cwd=tmp_path)).preset == "drama2brain"


@pytest.mark.parametrize("words", ["name: mine", "name: objects"])
def test_the_sweeps_over_ones_own_data_are_valid(words):
    assert parse(block_with(words)).fits


def test_the_blocks_of_words_are_valid():
    text = block_with("modality: words, annotation")
    head = "name: w\ndataset: {layout: arrays, root: x}\noutput: {root: y}\n"
    fits = "fits: [{kind: ridge, features: [speech, rate], delays: {start: 3, end: 5}}]\n"
    sweep = parse(head + fits + text)
    assert {block.modality for block in sweep.features.values()} == {"words", "wordrate"}


def test_every_script_and_file_that_is_named_exists():
    for path in re.findall(
        r"`(?:\./)?((?:scripts|jobs|cluster|d2b_ray|tests|\.ci)/[\w./-]*\w)", README + GUIDES
    ):
        assert (ROOT / path).exists(), path
    for script in (
        "scripts/demo",
        "scripts/test",
        "scripts/check",
        "scripts/bench/ridge",
        ".ci/run",
    ):
        assert os.access(ROOT / script, os.X_OK), script
        assert script in README


def test_the_tree_is_the_layouts():
    tree = block_with("<output.root>/")
    for name in (
        Layout.SWEEP,
        Layout.ENVIRONMENT,
        Layout.FITS,
        Layout.TIMINGS,
        Layout.COMPARISONS,
        Layout.COMPARED,
        Layout.REPORT,
    ):
        assert name in tree
    assert Layout.VOXELS in tree
    assert Layout.BANDS in tree
    place = FitPlace("s", 3, 5, "mean", "m", "h", "x", 1)
    for path in (
        place.cc,
        place.cv_cc,
        place.pvalues_corrected,
        place.coef,
        place.figure,
        place.summary,
    ):
        assert Path(path).name in tree
    assert "TR3_5s" in tree


def test_verbs_and_options_exist():
    done = subprocess.run(
        [sys.executable, "-m", "d2b_ray.cli", "run", "--help"], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    for option in ("--engine", "--address", "--set", "--retry-failed"):
        assert option in README
        assert option in done.stdout


@pytest.mark.parametrize("name", ["BERT", "GPT2", "Llama2", "OPT", "Vicuna-v1.5", "MiniLM"])
def test_known_models_are_known(name):
    from d2b_ray.features import resolve

    assert f"`{name}`" in README
    assert resolve(name).n_layers > 1


def test_nothing_of_a_machine_is_in_the_repository():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    private = re.compile(r"/(root|work|home)/\w|\.internal\b|10\.\d+\.\d+\.\d+")
    for path in tracked:
        if (
            Path(path).suffix in (".py", ".md", ".yaml", ".toml", ".txt", "")
            and "golden" not in path
        ):
            text = (ROOT / path).read_text(errors="replace")
            found = private.search(text)
            assert found is None or path == "tests/test_readme.py", f"{path}: {found}"


def test_the_table_of_faults_is_the_codes():
    rows = [line for line in policy.__doc__.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(policy.POLICY)
    for row, (fault, rule) in zip(rows[2:], policy.POLICY.items(), strict=True):
        name, _, again, then = (cell.strip() for cell in row.strip("|").split("|"))
        assert name == fault
        times = {0: "never", 1: "once"}.get(rule.retries, f"{rule.retries} times")
        assert again.startswith(times)
        assert ("half the memory" in again) == rule.less_memory
        assert any(w in again for w in ("another", "elsewhere")) == rule.elsewhere
        assert then == ("sweep stops" if rule.stops else "unit failed")
