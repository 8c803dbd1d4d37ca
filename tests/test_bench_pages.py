"""Benches are told apart by what became slower, and their page is made of their lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "scripts" / "bench"


def lines(path, *found):
    path.write_text("".join(json.dumps(line) + "\n" for line in found))
    return path


def compare(old, new, *more):
    done = subprocess.run(
        [sys.executable, BENCH / "compare.py", old, new, *more],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def ridge(**figures):
    return {"bench": "ridge", "shape": {"n": 10}, **figures}


def test_what_became_slower_is_told_first_and_by_status(tmp_path):
    old = lines(
        tmp_path / "old",
        ridge(seconds=1.0, ratio=100),
        {"bench": "engine", "seconds": 5.0},
        {"bench": "gone"},
    )
    new = lines(
        tmp_path / "new", {"bench": "engine", "seconds": 4.0}, ridge(seconds=9.0, ratio=105),
        ridge(seconds=3.0, ratio=50), {"bench": "added"},
    )  # fmt: skip
    code, out, _ = compare(old, new)
    first, second, *rest = out.splitlines()
    assert code == 1
    assert first.split()[:5] == ["slower", "0.50", "ratio", "100", "->"]  # the last line counts
    assert second.split()[:3] == ["faster", "1.25", "seconds"]
    assert [line.split()[0] for line in rest] == ["gone", "new"]


def test_another_machine_changes_both_sides(tmp_path):
    old = lines(tmp_path / "old", ridge(seconds=1.0, ratio=100))
    new = lines(tmp_path / "new", ridge(seconds=2.0, ratio=98))
    assert compare(old, new)[0] == 0
    assert compare(old, new, "--within", "1.01")[0] == 1


def test_what_is_no_line_is_told(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text('{"bench": "ridge"}\nnot json\n')
    code, _, error = compare(broken, broken)
    assert code == 1
    assert f"{broken}:2: is no line of a bench" in error


def test_the_page_of_results_is_made_of_their_lines():
    done = subprocess.run(
        [sys.executable, BENCH / "page.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_turns_measure_both_and_the_machine(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import turns

    calls = []
    mine, theirs, figures = turns.in_turns(
        lambda: calls.append("a") or 1, lambda: calls.append("b") or 2
    )
    assert (mine, theirs, calls) == (1, 2, ["a", "a", "a", "b", "a", "a"])
    assert figures["seconds_min"] <= figures["seconds"] <= figures["seconds_max"]
    assert all(rate > 0 for rates in figures["gflops"] for rate in rates.values())
    assert turns.spread([3.0, 1.0, 2.0]) == {"seconds": 2.0, "seconds_min": 1.0, "seconds_max": 3.0}


@pytest.mark.parametrize("name", ["compare", "page"])
def test_each_says_how_it_is_called(name):
    done = subprocess.run([BENCH / name, "--help"], capture_output=True, text=True, check=True)
    assert "usage" in done.stdout
