"""Verbs that answer in JSON: the keys that programs may rely on, and the same numbers as in words."""

from __future__ import annotations

import json

import pytest
from problems import words_yaml
from typer.testing import CliRunner

from d2b_ray.cli.app import app
from d2b_ray.report.results import open_results

KEYS = {
    "plan": {
        "schema", "name", "output", "repeats_removed", "units", "bytes_to_write", "bytes_free", "remarks",
        "memory_bytes", "time", "measured", "stale", "failed",
    },
    "status": {"schema", "name", "output", "units", "stale", "failed", "exit_status"},
    "root": {"schema", "output", "run", "last_sign_of_life", "progress", "failed", "exit_status"},
    "fit": {"schema", "fit", "place", "made_by", "test", "numbers", "ran", "inputs", "files"},
}  # fmt: skip


def told(*arguments, code=0):
    found = CliRunner().invoke(app, [str(a) for a in arguments])
    assert found.exit_code == code, (found.output, found.exception)
    return json.loads(found.stdout) if "--json" in arguments else found.stdout


@pytest.fixture(scope="module")
def sweep(words_root, words_store, tmp_path_factory):
    """The sweep of a finished store, as a file."""
    path = tmp_path_factory.mktemp("sweep") / "words.yaml"
    path.write_text(words_yaml(words_root, words_store))
    return path


def test_a_plan(sweep, words_root, tmp_path):
    new = ("--set", f"output.root={tmp_path / 'new'}")
    found = told("plan", sweep, *new, "--json", "--gpus", "2", "--cpus", "8")
    assert found.keys() == KEYS["plan"]
    assert found["schema"] == "d2b_ray.plan/1"
    kinds = {unit["kind"]: unit for unit in found["units"]}
    assert kinds["fit"]["units"] == kinds["commit"]["units"] == 4
    assert kinds["fit"].keys() == {"kind", "units", "done", "seconds", "bytes"}
    assert found["time"].keys() == {
        "nodes", "gpus", "cpus", "seconds", "bound_by", "kind", "reading", "cost",
    }  # fmt: skip
    assert "4 fits" in told("plan", sweep, *new)
    done = told("plan", sweep, "--json")
    assert done["time"] is None
    assert all(unit["done"] == unit["units"] for unit in done["units"])


def test_the_status_of_a_sweep_and_of_a_root(sweep, words_store, tmp_path):
    found = told("status", sweep, "--json")
    assert found.keys() == KEYS["status"]
    assert found["units"]["commit"] == {"done": 4, "failed": 0, "skipped": 0, "waiting": 0}
    assert found["exit_status"] == 0
    root = told("status", words_store, "--json")
    assert root.keys() == KEYS["root"]
    assert root["exit_status"] == 0
    assert root["run"]["ended"]
    empty = told("status", tmp_path, "--json", code=3)
    assert (empty["run"], empty["exit_status"]) == (None, 3)


def test_what_made_a_fit(sweep, words_store):
    where = ("--subject", "DM01", "--where", "annotation=story")
    found = told("show", words_store, *where, "--json")
    assert found.keys() == KEYS["fit"]
    row = open_results(str(words_store)).fit(subject="DM01", annotation="story")
    assert found["fit"] == row["fit"]
    assert found["numbers"]["mean_r"] == row["mean_r"]
    assert found["place"]["annotation"] == "story"
    assert {"host", "seconds", "fit_seconds"} <= found["ran"].keys()
    assert all((words_store / path).stat().st_size == size for path, size in found["files"].items())
    words = told("show", sweep, *where)
    for part in ("made by", "came out", "ran", f"fit {row['fit']}", "delay_start_s: 3"):
        assert part in words


def test_what_cannot_be_answered_is_refused(sweep, words_store):
    for arguments in (
        ("status", sweep, "--json", "--watch"),
        ("show", words_store, "--subject", "DM01"),
        ("show", words_store, "--subject", "DM01", "--where", "story"),
    ):
        found = CliRunner().invoke(app, [str(a) for a in arguments])
        assert type(found.exception).__name__ == "SpecError"
