"""`init`: a first sweep for data of any layout, which loads, plans and (of arrays) finds what was planted."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from d2b_ray import open_results
from d2b_ray.cli.app import app
from d2b_ray.errors import SpecError
from d2b_ray.spec import parse


def drafted(*arguments):
    found = CliRunner().invoke(app, ["init", *map(str, arguments)])
    assert found.exit_code == 0, (found.output, found.exception)
    return found.stdout


def refused(*arguments):
    found = CliRunner().invoke(app, ["init", *map(str, arguments)])
    assert isinstance(found.exception, SpecError), (found.output, found.exception)
    assert "\n" not in str(found.exception)
    return str(found.exception)


@pytest.fixture
def mine(tmp_path):
    """Two runs to train and one to test, TR 1.5 s; features at 4 Hz drive the first 5 of 20 voxels."""
    rng = np.random.default_rng(3)
    root = tmp_path / "my study"
    (root / "features").mkdir(parents=True)
    (root / "responses" / "01").mkdir(parents=True)
    weights = rng.standard_normal((3, 5))
    for number in range(1, 5):
        seconds, run = 300, f"run-{number}"
        rows = 4 * rng.standard_normal((seconds * 4, 3))
        np.save(root / "features" / f"energy_{run}.npy", rows)
        means = rows.reshape(200, 6, 3).mean(1)
        responses = rng.standard_normal((200, 20))
        responses[3:, :5] += means[:-3] @ weights  # 4.5 s later
        np.save(root / "responses" / "01" / f"{run}.npy", responses)
    np.save(root / "features" / "partial_run-1.npy", np.zeros((10, 2)))  # other runs lack it
    roles = ["run-1,train", "run-2,train", "run-3,train", "run-4,test"]
    (root / "runs.csv").write_text("run,role\n" + "\n".join(roles) + "\n")
    return root


def test_a_draft_of_arrays_runs_as_it_is(mine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match="tr_s"):  # nothing there tells the TR
        drafted(mine)
    text = drafted(mine, "--tr", "1.5")
    sweep = tmp_path / "mine.yaml"
    sweep.write_text(text)
    assert "rate_hz: 4 " in text
    assert "partial" not in text
    assert "'01'" in text  # in a comment, as it must be written
    found = CliRunner().invoke(app, ["run", str(sweep), "--engine", "inline"])
    assert found.exit_code == 0, found.output
    rows = open_results(str(tmp_path / "results" / "my-study")).voxels()
    assert list(np.flatnonzero(rows.significant)) == [0, 1, 2, 3, 4]


def test_a_draft_of_captions_names_what_is_there(tiny_root):
    text = drafted(tiny_root)
    sweep = parse(text)
    block = sweep.features["captions"]
    assert sweep.dataset.layout == "drama2brain"
    assert "story" in block.annotation
    assert str(tiny_root) in text


def test_what_is_no_data_set_is_told(tmp_path):
    assert "is no folder" in refused(tmp_path / "nothing")
    words = refused(tmp_path)
    assert "looks like no layout" in words
    assert "responses (arrays)" in words


def test_a_data_set_without_features_is_told(mine):
    for path in (mine / "features").iterdir():
        path.unlink()
    assert "nothing to predict from" in refused(mine, "--tr", "1.5")
