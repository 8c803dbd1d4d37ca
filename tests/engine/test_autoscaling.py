"""A cluster that grows by itself: nodes come for the work that is left, from none, and go when it is done."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from autoscaled import autoscaled_head, nodes_of
from problems import Quiet, words_sweep
from stores import assert_equal_stores

from d2b_ray.engine.on_ray import pool
from d2b_ray.engine.session import run_sweep

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]
CPU, GPU = {"CPU": 1}, {"CPU": 1, "GPU": 1}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Its report comes every second here."""
    monkeypatch.setattr(pool, "REPORT_S", 4.0)


def run(sweep, address):
    """The nodes that were there at a time, and what was told, while the sweep ran."""
    import ray

    ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    watcher, seen = Quiet(), []
    with ThreadPoolExecutor(1) as one:
        going = one.submit(run_sweep, sweep, watcher, engine="ray")
        while not going.done():
            if not seen or nodes_of(address) != seen[-1]:
                seen.append(nodes_of(address))
            time.sleep(0.1)
        assert going.result().ok
    return seen, watcher.lines


def test_nodes_come_from_none_and_go_again(words_root, words_store, tmp_path):
    """GPUs without a word of the spec: at most two of each type, and in the end none."""
    import ray

    with autoscaled_head({"gpu": GPU, "cpu": CPU}) as address:
        try:
            seen, lines = run(words_sweep(words_root, tmp_path / "out"), address)
            assert seen[0] == []
            assert max(seen, key=len).count((1, 1)) in (1, 2)
            assert any((1, 0) in nodes for nodes in seen)
            assert any("waiting up to 15 min for a node with a GPU" in line for line in lines)
            while nodes_of(address):
                time.sleep(0.2)
        finally:
            ray.shutdown()
    assert_equal_stores(words_store, tmp_path / "out")


def test_gpus_that_never_come_are_not_waited_for(words_root, words_store, tmp_path):
    """Nor is the memory of workers, of which this cluster's nodes tell nothing."""
    with autoscaled_head({"cpu": {**CPU, "memory": 0}}, most=1) as address:
        try:
            seen, lines = run(words_sweep(words_root, tmp_path / "out"), address)
        finally:
            ray.shutdown()
    assert max(seen, key=len) == [(1, 0)]
    assert "the cluster has no nodes with GPUs: units take the CPU" in lines
    assert any("counted by CPUs alone" in line for line in lines)
    assert_equal_stores(words_store, tmp_path / "out")


def test_gpus_that_are_late_are_given_up(words_root, words_store, tmp_path, monkeypatch):
    """An autoscaler that says nothing of what cannot come, as the first version's."""
    import ray

    monkeypatch.setattr(pool, "never_comes", lambda resource: False)
    monkeypatch.setattr(pool, "GPU_PATIENCE_S", 2.0)
    with autoscaled_head({"cpu": CPU}, most=1) as address:
        try:
            _, lines = run(words_sweep(words_root, tmp_path / "out"), address)
        finally:
            ray.shutdown()
    assert any("no GPU came" in line for line in lines)
    assert_equal_stores(words_store, tmp_path / "out")
