"""Inputs that once ended in a traceback, late, or in silence: each with the words that it gets now."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from harness import call, workshop


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return workshop(tmp_path_factory.mktemp("known"))


@pytest.fixture
def shop(made):
    made.renew()
    return made


def told(shop, *options, verb="plan", status=2):
    found = call([verb, str(shop.spec), *options])
    assert found.error is None
    assert found.status == status, found.err
    return found.err


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("significance.permutations=1000000000", "must be an integer from 1 to 1,000,000"),
        ("fits.0.alphas={count: 100000000}", "must be an integer from 1 to 1,000"),
        ("output.root=~no-such-user-here/x", "there is no user ~no-such-user-here"),
        ("output.root=ftp://x/y", "nothing here opens ftp://; give a folder, or one of s3://"),
        ("fits.0.delays.end=100000", "100000 s are no less than the longest run has, 160 s"),
        ("features.llm.model=a--b", "model 'a--b': not a name"),
        ("dataset.subjects=[01, 02]", "names of digits in quotes, such as '01'"),
    ],
)
def test_a_value_that_cannot_be_is_refused(shop, override, words):
    assert words in told(shop, "--set", override)


def test_results_do_not_lie_in_the_data(shop):
    for root in (shop.data, shop.data / "responses" / "out"):
        assert "lies among the data" in told(shop, "--set", f"output.root={root}")
        assert not (root / "units").exists()
    told(shop, "--set", f"output.root={shop.data}/results", status=0)


def test_more_than_the_disk_holds_is_refused_unless_told(shop, monkeypatch):
    monkeypatch.setattr(
        "d2b_ray.engine.space.shutil.disk_usage", lambda _: SimpleNamespace(free=900)
    )
    more = ("--set", "significance.permutations=50", "--engine", "inline")
    err = told(shop, *more, verb="run")
    assert "has room for 900 B" in err
    assert "--ignore-space" in err
    told(shop, *more, "--ignore-space", verb="run", status=0)


def test_a_number_with_an_exponent_is_a_number(shop):
    assert told(shop, "--set", "resources.fit.memory_budget_mb=1.5e3", status=0) == ""


def test_a_trace_needs_its_folder_before_anything_runs(shop):
    err = told(shop, "--engine", "inline", "--trace", str(shop.folder / "none/t.json"), verb="run")
    assert "--trace: there is no folder" in err


def test_features_that_are_not_finite_are_named_before_anything_runs(shop):
    path = min(shop.data.glob("stim_features/**/layer1/*.npy"))
    rows = np.load(path)
    rows[3, 2] = np.nan
    np.save(path, rows)
    assert f"{path}: features hold values that are not finite, first in row 3" in told(shop)


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("mark", ["", '"'])
def test_run_tables_of_spreadsheets_are_read(shop, separator, mark):
    file = shop.data / "runs.csv"
    lines = [line.split(",") for line in file.read_text().splitlines()]
    text = "\n".join(separator.join(f"{mark}{cell}{mark}" for cell in line) for line in lines)
    file.write_text("\ufeff" + text, encoding="utf-8")
    assert told(shop, status=0) == ""


def test_companions_of_other_programs_are_no_subjects(shop):
    (shop.data / "responses/.ipynb_checkpoints").mkdir()
    assert told(shop, status=0) == ""


def test_runs_of_other_voxels_are_refused_by_their_headers(shop):
    path = max(shop.data.glob("responses/S1/*.npy"))
    np.save(path, np.ones((160, 7), np.float32))
    assert "7 voxels, and Play_001.npy has 24" in told(shop)
