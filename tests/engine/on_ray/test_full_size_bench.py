"""`scripts/bench/full_size` scaled down: responses are read once, workers keep to what they may take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
VOXELS, TRAIN, VALID = 3000, 2400, 1200


@pytest.mark.ray
def test_the_bench_of_the_papers_size_scaled(tmp_path):
    done = subprocess.run(
        [
            sys.executable, ROOT / "scripts/bench/full_size.py", "--folder", tmp_path,
            "--voxels", str(VOXELS), "--train", str(TRAIN), "--valid", str(VALID),
            "--widths", "64", "96", "--permutations", "50", "--alphas", "7",
        ],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["units"]["fit"] == 2
    assert found["mapped_files"] == 2  # of one subject: training and validation, read once each
    assert found["object_store_gb"] < 1
    assert list(tmp_path.iterdir()) == []
