"""Data and results in a bucket that two nodes read and write at once, and that goes away in the middle."""

from __future__ import annotations

import os
import threading
import time

import fsspec
import pytest
from nodes import Nodes
from problems import Quiet, common_sweep
from proxy import Proxy
from s3_server import s3_server
from stores import assert_equal_stores

from d2b_ray.engine.session import run_sweep
from d2b_ray.store import Store

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.filterwarnings("default")]
VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL")


def test_two_nodes_and_a_bucket_that_goes_away_and_comes_back(
    common_root, common_store, ray_folder, tmp_path, monkeypatch
):
    """Whether the sweep waits or stops, the same command ends it: equal stores, nothing finished again."""
    monkeypatch.setenv("D2B_RAY_CACHE", str(tmp_path / "cache"))
    with s3_server("lab") as url:
        way = Proxy(int(url.rpartition(":")[2]))
        monkeypatch.setenv("AWS_ENDPOINT_URL", way.url)
        fsspec.filesystem("s3", use_listings_cache=False).put(
            str(common_root), "lab/data", recursive=True
        )
        own = {name: os.environ[name] for name in VARIABLES}
        nodes = Nodes(ray_folder, D2B_RAY_CACHE=str(tmp_path / "cache"), **own)
        try:
            nodes.join()
            nodes.keep(2)
            sweep = common_sweep("s3://lab/data", "s3://lab/out")
            results = Store("s3://lab/out")
            ended = threading.Event()
            told = {}

            def go_away():
                while not ended.is_set() and not results.list("units/commit/"):
                    time.sleep(0.1)
                told["done"] = set(results.list("units/commit/"))
                way.close()
                time.sleep(8)
                way.open()

            away = threading.Thread(target=go_away)
            away.start()
            watcher = Quiet()
            try:
                summary = run_sweep(sweep, watcher, engine="ray")
            finally:
                ended.set()
                away.join()
            assert 0 < len(told["done"]) < 16  # it went in the middle
            before = {path: results.read_json(path) for path in told["done"]}
            if not summary.ok:
                summary = run_sweep(sweep, watcher, engine="ray", retry_failed=True)
            assert summary.ok, (summary.failed, summary.stopped)
            for path, record in before.items():
                assert results.read_json(path) == record
            assert_equal_stores(common_store, "s3://lab/out")
        finally:
            nodes.end()
            way.close()
