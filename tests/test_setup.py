"""What `scripts/setup` makes of a .venv that is there, with a Python that only writes down what is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTHON = """#!/usr/bin/env bash
# `runs` beside it: whether it imports the code of this checkout
echo "$*" | head -n 1 >> "$LOG"
case "$*" in
    *samefile*) [ -e .venv/runs ] ;;
    *"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python && touch .venv/runs ;;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with the script and what it looks at; `setup()` gives status, words and what was asked."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/setup", tmp_path / "scripts/setup")
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    log = tmp_path / "log"

    def setup(*extras, python=python):
        log.write_text("")
        done = subprocess.run(
            ["scripts/setup", *extras], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHON": str(python), "LOG": str(log)},
        )  # fmt: skip
        return done.returncode, done.stderr, log.read_text()

    return setup


def test_it_installs_once(checkout, tmp_path):
    status, words, asked = checkout("test")
    assert (status, "-m venv .venv" in asked) == (0, True)
    assert "-m pip install" in asked
    assert "--no-compile" in asked
    assert "-e .[test]" in asked
    assert "scripts/import_all.py" in asked
    assert words.startswith("Installing d2b_ray[test]")
    status, words, asked = checkout("test")
    assert (status, words, "install" in asked) == (0, "", False)
    assert "-e .[demo]" in checkout()[2]


def test_what_was_made_for_another_folder_is_told_and_left(checkout, tmp_path):
    """It may be that of another node, whose Python this one does not see."""
    checkout("test")
    (tmp_path / ".venv/runs").unlink()  # the checkout was copied: the code of the old place runs
    status, words, asked = checkout("test")
    assert (status, len(words.splitlines()), "install" in asked) == (2, 1, False)
    assert ".venv was made for another folder" in words
    assert (tmp_path / ".venv/bin/python").exists()


def test_an_environment_that_is_not_ours_is_added_to(checkout, tmp_path):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    shutil.copy(tmp_path / "python", tmp_path / ".venv/bin/python")
    (tmp_path / ".venv/mine").touch()
    status, _, asked = checkout("test")
    assert (status, "-m venv" in asked) == (0, False)
    assert (tmp_path / ".venv/mine").exists()


def test_a_python_that_is_not_there_or_too_old(checkout, tmp_path):
    status, words, _ = checkout(python="/nowhere/python3")
    assert (status, len(words.splitlines())) == (2, 1)
    assert "there is no /nowhere/python3 here" in words
    old = tmp_path / "old"
    old.write_text('#!/usr/bin/env bash\n[ "$1" = --version ] && echo "Python 3.9.1" || exit 1\n')
    old.chmod(0o755)
    status, words, _ = checkout(python=old)
    assert (status, len(words.splitlines())) == (2, 1)
    assert "is Python 3.9.1" in words
