"""Nothing that only its owner should know stays in what a run leaves behind."""

from __future__ import annotations

import sys

import pytest
from problems import Quiet, words_sweep

from d2b_ray.engine.addresses import address_of
from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import SpecError
from d2b_ray.steps.run_settings import RunSettings
from d2b_ray.steps.sight import unseen
from d2b_ray.store import Store


def test_values_of_the_command_line_are_not_kept(words_root, tmp_path, monkeypatch):
    """Nor does a variable name a function to run: fault drills are put in by the tests alone."""
    for name in ("D2B_RAY_INJECT_FAULT", "D2B_RAY_REHEARSE", "D2B_DRILL_CALL"):
        monkeypatch.setenv(name, "os:abort")
    words = ["/bin/d2b-ray", "run", "x.yaml", "--set", "output.figures=hush", "--set=a=hush\nhush"]
    monkeypatch.setattr(sys, "argv", words)
    assert run_sweep(words_sweep(words_root, tmp_path / "out"), Quiet(), engine="inline").ok
    kept = Store(str(tmp_path / "out")).read_json("environment.json")["command"]
    assert kept == "d2b-ray run x.yaml --set output.figures=... --set=..."
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"hush" not in path.read_bytes(), path


@pytest.mark.parametrize("url", ["s3://key:hush@bucket/out", "https://hush@host/data"])
def test_keys_in_an_address_are_refused(url):
    with pytest.raises(SpecError, match="keys and passwords have no place") as caught:
        address_of(url)
    assert "hush" not in str(caught.value)


def test_a_scheme_without_a_place_is_no_folder_here():
    assert address_of("s3://") == "s3://"


def test_a_worker_that_does_not_see_a_model_says_which(tmp_path):
    there = {
        "sweep": "s",
        "layout": "arrays",
        "dataset_root": str(tmp_path),
        "results": str(tmp_path),
    }
    places = {"features": str(tmp_path), "split": "s", "base": str(tmp_path)}
    model = tmp_path / "my-model"
    settings = RunSettings(**there, **places, models=(str(model),))
    assert unseen(settings) == f"does not see the model {model}"
    model.mkdir()
    assert unseen(settings) == ""
