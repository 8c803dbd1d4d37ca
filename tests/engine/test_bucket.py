"""Results in a bucket equal those on disk: texts, fits and nulls; intervals, ceilings and comparisons."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from problems import Quiet, common_sweep, tiny_sweep, tiny_yaml
from s3_server import s3_server
from stores import assert_equal_stores

from cluster import plain_environment
from d2b_ray.engine.session import run_sweep


@pytest.fixture(scope="module")
def bucket():
    with s3_server("lab"):
        yield "s3://lab"


def test_of_the_command_line(bucket, tiny_root, tmp_path):
    """Texts in shards, a fit of one subject and its null."""
    few = ("dataset.subjects=DM01", "features.llm.annotation=story", "features.llm.layers=3")
    assert run_sweep(tiny_sweep(tiny_root, tmp_path / "out", *few), Quiet(), engine="inline").ok
    spec = tmp_path / "sweep.yaml"
    spec.write_text(tiny_yaml(tiny_root, f"{bucket}/tiny"))
    found = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    options = [word for override in few for word in ("--set", override)]
    done = subprocess.run(
        [sys.executable, "-m", "d2b_ray.cli", "run", str(spec), "--engine", "inline", *options],
        capture_output=True, text=True, env=plain_environment(**found),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Results: {bucket}/tiny" in done.stdout
    assert_equal_stores(tmp_path / "out", f"{bucket}/tiny")


def test_of_comparisons(bucket, common_root, tmp_path):
    few = ("features.llm.layers=1", "compare=[{by: annotation}]", "dataset.subjects=[S1, S2, S3]")
    for out in (tmp_path / "out", f"{bucket}/common"):
        summary = run_sweep(common_sweep(common_root, out, *few), Quiet(), engine="inline")
        assert summary.ok
        assert summary.executed["compare"] == 3
    assert_equal_stores(tmp_path / "out", f"{bucket}/common")
