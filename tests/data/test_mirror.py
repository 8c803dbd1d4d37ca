"""Data sets at a URL: fetched once a machine, within a bound, what has changed anew; S3 by a real server."""

from __future__ import annotations

import os
import time

import fsspec
import numpy as np
import pytest
from golden_cases import GOLDEN
from problems import Quiet, common_sweep
from s3_server import s3_server

from d2b_ray.data import open_dataset
from d2b_ray.data.mirror import local_folder
from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import DataError
from d2b_ray.features import fingerprint, resolve


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("D2B_RAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "inputs"


@pytest.fixture
def bucket(monkeypatch):
    """A data set in memory, and how often each of its files was fetched."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    for name, text in {"runs.csv": "a", "responses/S1/r.npy": "bb", "x/y [1].txt": "c"}.items():
        files.pipe(f"/lab/data/{name}", text.encode())
    fetched = []
    get_file = type(files).get_file

    def counted(self, path, *args, **more):
        fetched.append(path.removeprefix("/lab/data/").removeprefix("lab/data/"))
        return get_file(self, path, *args, **more)

    monkeypatch.setattr(type(files), "get_file", counted)
    return files, fetched


def test_what_is_new_or_changed_is_fetched_and_nothing_else(bucket):
    files, fetched = bucket
    folder = local_folder("memory://lab/data")
    assert (folder / "responses/S1/r.npy").read_text() == "bb"
    assert sorted(fetched) == ["responses/S1/r.npy", "runs.csv", "x/y [1].txt"]
    assert local_folder("memory://lab/data/") == folder
    fetched.clear()
    local_folder("memory://lab/data")
    assert fetched == []
    files.pipe("/lab/data/runs.csv", b"other")
    files.rm_file("/lab/data/x/y [1].txt")
    local_folder("memory://lab/data")
    assert fetched == ["runs.csv"]
    assert (folder / "runs.csv").read_text() == "other"
    assert not (folder / "x/y [1].txt").exists()


def test_what_was_removed_here_is_fetched_again(bucket):
    _, fetched = bucket
    folder = local_folder("memory://lab/data")
    fetched.clear()
    (folder / "runs.csv").unlink()
    local_folder("memory://lab/data")
    assert fetched == ["runs.csv"]


def test_copies_stay_within_a_bound_the_oldest_goes(bucket, cache, monkeypatch):
    files, _ = bucket
    for name in ("one", "two", "three"):
        files.pipe(f"/lab/{name}/big", bytes(400_000))
    monkeypatch.setenv("D2B_RAY_INPUTS_GB", "0.001")
    for name in ("one", "two", "one", "three"):
        local_folder(f"memory://lab/{name}")
        time.sleep(0.02)  # the clock of the files
    left = sorted(path.read_text().split('"')[3] for path in cache.glob("*/index.json"))
    assert left == ["memory://lab/one", "memory://lab/three"]
    files.pipe("/lab/huge/big", bytes(2_000_000))
    with pytest.raises(
        DataError, match=r"huge: 0\.0 GB, and 0\.0 GB may be kept in .*D2B_RAY_INPUTS_GB"
    ):
        local_folder("memory://lab/huge")


def test_what_is_not_there_is_one_line(bucket):
    for url, words in (
        ("memory://lab/none", "no file is there|cannot be listed"),
        ("nofs://x/y", "cannot be listed"),
    ):
        with pytest.raises(DataError, match=words) as told:
            local_folder(url)
        assert "\n" not in str(told.value)


def test_a_data_set_in_a_bucket_of_s3_is_the_one_on_disk(common_root, tmp_path):
    with s3_server("lab"):
        files = fsspec.filesystem("s3", use_listings_cache=False)
        files.put(str(common_root), "lab/data", recursive=True)
        found, here = (
            open_dataset("arrays", "s3://lab/data"),
            open_dataset("arrays", str(common_root)),
        )
        assert found.subjects == here.subjects
        runs = here.runs.used
        for subject in here.subjects:
            np.testing.assert_array_equal(
                found.responses(subject, runs), here.responses(subject, runs)
            )
        assert [os.path.basename(p) for p in found.response_files("S1")] == [
            os.path.basename(p) for p in here.response_files("S1")
        ]
        out = tmp_path / "out"
        less = ("features.llm.annotation=story", "dataset.subjects=[S1, S2]", "compare=[]")
        assert run_sweep(common_sweep("s3://lab/data", out, *less), Quiet(), engine="inline").ok
        other = tmp_path / "other"
        assert run_sweep(common_sweep(common_root, other, *less), Quiet(), engine="inline").ok
        for path in sorted(other.rglob("*.npy")):
            assert path.read_bytes() == (out / path.relative_to(other)).read_bytes()
    with pytest.raises(DataError, match="cannot be listed"):
        open_dataset("arrays", "s3://lab/data")


def test_a_model_at_a_url_is_that_of_its_folder(bucket):
    files, _ = bucket
    folder = GOLDEN / "features" / "text_gpt2" / "model"
    for path in folder.iterdir():
        files.pipe(f"/models/gpt2/{path.name}", path.read_bytes())
    one, other = resolve("memory://models/gpt2"), resolve(str(folder))
    assert (one.n_layers, one.width, one.kind) == (other.n_layers, other.width, other.kind)
    assert one.name == "memory://models/gpt2"
    assert fingerprint(one) == fingerprint(other)
