"""Results in a bucket equal those on disk: texts, fits and nulls; intervals, ceilings and comparisons."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from problems import Quiet, common_sweep, tiny_yaml
from s3_server import s3_server
from stores import assert_equal_stores

from cluster import plain_environment
from d2b_ray.engine.session import run_sweep


@pytest.fixture(scope="module")
def bucket():
    with s3_server("lab"):
        yield "s3://lab"


def test_of_the_command_line(bucket, tiny_root, inline_store, tmp_path):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(tiny_yaml(tiny_root, f"{bucket}/tiny"))
    found = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-m", "d2b_ray.cli", "run", str(spec), "--engine", "inline"],
        capture_output=True, text=True, timeout=500, env=plain_environment(**found),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Results: {bucket}/tiny" in done.stdout
    assert_equal_stores(inline_store, f"{bucket}/tiny")


def test_of_comparisons(bucket, common_root, common_store):
    out = f"{bucket}/common"
    assert run_sweep(common_sweep(common_root, out), Quiet(), engine="inline").ok
    assert_equal_stores(common_store, out)
