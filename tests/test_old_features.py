"""Features that another program has made: copied to the data where they fit, else left out with why."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from problems import MODEL, Quiet, tiny_sweep
from typer.testing import CliRunner

from d2b_ray.cli.app import app
from d2b_ray.data import open_dataset
from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import DataError

PLACE = "semantic/story_cw1_avgToken_ALL/Old/layer2"


@pytest.fixture
def root(tiny_root, tmp_path):
    shutil.copytree(tiny_root, tmp_path / "data", symlinks=True)
    return tmp_path / "data"


@pytest.fixture
def old(root, tmp_path, rng):
    folder = tmp_path / "old" / "stim_features" / PLACE
    folder.mkdir(parents=True)
    for run in open_dataset("drama2brain", str(root)).runs.runs:
        np.save(
            folder / f"{run.name}.npy", rng.standard_normal((run.seconds, 6)).astype(np.float32)
        )
    return folder


def told(old, root, code=0):
    top = old.parents[4]
    found = CliRunner().invoke(app, ["import-features", str(top), "--root", str(root)])
    assert found.exit_code == code, (found.output, found.exception)
    return found.output


def test_a_sweep_takes_them_and_loads_no_model(old, root, tmp_path):
    first = min(old.glob("*.npy"))
    np.save(old / f"{first.stem}_64PCs.npy", np.zeros((3, 2)))  # a reduced copy
    output = told(old, root)
    assert "Imported 1 layers" in output
    assert "Passed over 1 files" in output
    there = root / "stim_features" / PLACE / first.name
    assert there.read_bytes() == first.read_bytes()
    assert "Imported 1 layers" in told(old, root)  # again: nothing changes
    change = ("features.llm.model=Old", "features.llm.annotation=story", "features.llm.layers=2")
    summary = run_sweep(tiny_sweep(root, tmp_path / "out", *change), Quiet(), engine="inline")
    assert summary.ok, summary.failed
    assert not {"shard", "extract"} & set(summary.executed)


def short(path):
    np.save(path, np.load(path)[:-1])


def wide(path):
    np.save(path, np.zeros((len(np.load(path)), 7), np.float32))


def not_finite(path):
    rows = np.load(path)
    rows[3, 2] = np.inf
    np.save(path, rows)


def pickled(path):
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (short, "the file is cut short"),
        (wide, "as the first"),
        (not_finite, "row 3 holds a value that is not finite"),
        (pickled, "features cannot be read|must be numbers"),
        (lambda path: path.unlink(), "runs are missing"),
    ],
)
def test_what_does_not_fit_is_left_out_whole(old, root, damage, words):
    damage(sorted(old.glob("*.npy"))[1])
    output = told(old, root, code=1)
    assert f"left out: {PLACE}" in output
    assert any(part in output for part in words.split("|")), output
    assert not (root / "stim_features" / PLACE).exists()


def test_other_numbers_in_their_place_are_not_replaced(old, root):
    told(old, root)
    path = min(old.glob("*.npy"))
    np.save(path, np.load(path) + 1)
    assert "is there already, with other numbers" in told(old, root, code=1)


def test_no_features_are_one_line(root, tmp_path):
    for folder, words in (
        (tmp_path / "none", "is no folder of features"),
        (MODEL, "no file is called"),
    ):
        found = CliRunner().invoke(app, ["import-features", str(folder), "--root", str(root)])
        assert isinstance(found.exception, DataError)
        assert words in str(found.exception)
