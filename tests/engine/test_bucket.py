"""Results in a bucket equal those on disk: texts, fits and nulls; intervals, ceilings and comparisons."""

from __future__ import annotations

import pytest
from problems import Quiet, common_sweep, tiny_sweep
from s3_server import s3_server
from stores import assert_equal_stores

from d2b_ray.engine.session import run_sweep


@pytest.fixture(scope="module")
def bucket():
    with s3_server("lab"):
        yield "s3://lab"


def test_of_texts_and_fits(bucket, tiny_root, tmp_path):
    """Texts in shards, a fit of one subject and its null; a second run does nothing."""
    few = ("dataset.subjects=DM01", "features.llm.annotation=story", "features.llm.layers=3")
    for out in (tmp_path / "out", f"{bucket}/tiny"):
        summary = run_sweep(tiny_sweep(tiny_root, out, *few), Quiet(), engine="inline")
        assert summary.ok
        assert summary.results == str(out)
        assert summary.executed["shard"] == summary.executed["fit"] == 1
    assert_equal_stores(tmp_path / "out", f"{bucket}/tiny")
    assert run_sweep(tiny_sweep(tiny_root, out, *few), Quiet(), engine="inline").executed == {}


def test_of_comparisons(bucket, common_root, tmp_path):
    few = ("features.llm.layers=1", "compare=[{by: annotation}]", "dataset.subjects=[S1, S2, S3]")
    for out in (tmp_path / "out", f"{bucket}/common"):
        summary = run_sweep(common_sweep(common_root, out, *few), Quiet(), engine="inline")
        assert summary.ok
        assert summary.executed["compare"] == 3
    assert_equal_stores(tmp_path / "out", f"{bucket}/common")
