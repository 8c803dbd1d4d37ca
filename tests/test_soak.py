"""A short soak: the whole program, with kills at random, and its own judgement of what is left."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parents[1] / "scripts" / "soak"


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("seed", [1, 2])
def test_random_kills_change_nothing_and_leave_nothing(seed):
    command = [SOAK, "--minutes", "2", "--delays", "6", "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert sum(report["kills"].values()) >= 5
    assert report["differences"] == report["finished_units_touched"] == 0
    assert report["starts"] >= report["units"] > 0
