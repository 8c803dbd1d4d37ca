"""A cluster that grows by itself: nodes come for the work that is left, from none, and go when it is done."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from autoscaled import autoscaled_head, gpus_in_use, nodes_of, nodes_with_gpus
from drill import Drill, drilled
from problems import Quiet, words_sweep
from stores import assert_equal_stores

from d2b_ray.engine.on_ray import growth, pool
from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import PlanError

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]
CPU, GPU = {"CPU": 1}, {"CPU": 1, "GPU": 1}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Its report comes every second here."""
    monkeypatch.setattr(growth, "REPORT_S", 4.0)
    monkeypatch.setattr(pool, "IDLE_S", 0.5)


@contextmanager
def running(sweep, address, *, shrinks=True):
    """A sweep that runs; the nodes that were there at a time, and what was told, up to its end."""
    import ray

    ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    watcher, seen = Quiet(), []
    try:
        with ThreadPoolExecutor(2) as two:
            going = two.submit(run_sweep, sweep, watcher, engine="ray")
            looking = two.submit(look, going, seen)
            yield seen, watcher.lines
            looking.result()
            assert going.result().ok
        while shrinks and nodes_of():  # the last of them go
            time.sleep(0.2)
    finally:
        ray.shutdown()


def look(going, seen):
    """Write down every change of the nodes."""
    while not going.done():
        if not seen or nodes_of() != seen[-1]:
            seen.append(nodes_of())
        time.sleep(0.1)


def test_nodes_come_from_none_and_go_again(words_root, words_store, tmp_path):
    """GPUs without a word of the spec; they are given back when the fits are done, while nulls still run.

    (A node goes only once nobody wants a value that lies on it, as Ray sees to.)
    """
    said = [f"{a} {words_root}/words.txt layerNone TR3-5" for a in ("speechTranscription", "story")]
    nulls = [f"null {s} {x} {n}" for s in ("DM01", "DM03") for x in said for n in ("0-20", "20-40")]
    fits = {f"fit {s} {x}" for s in ("DM01", "DM03") for x in said}
    whole = (
        "resources.permute={block: 20}"  # so small that the driver holds it: parts lie on the node
    )
    drill = Drill(tmp_path / "drill")
    drill.script({null: ["wait"] for null in nulls})
    with (
        autoscaled_head({"gpu": GPU, "cpu": CPU}, **drilled(drill.folder)) as address,
        running(words_sweep(words_root, tmp_path / "out", whole), address) as (seen, lines),
    ):
        while not any(start.label in nulls for start in drill.starts):
            time.sleep(0.1)
        while gpus_in_use():
            gpus = nodes_with_gpus()
            starts = drill.starts
            fitted = fits <= {start.label for start in starts}
            for start in starts if any((1, 0) in nodes for nodes in seen) else ():
                # a GPU worker holds its GPU until there is a node without one; and those that CPU workers
                # hold while there are fits to come would keep them from the designs of these
                if start.node in gpus or not fitted:
                    drill.go(start.label)
            time.sleep(0.1)
        for null in nulls:
            drill.go(null)
    assert seen[0] == []
    assert max(nodes.count((1, 1)) for nodes in seen) in (1, 2)
    assert any((1, 0) in nodes for nodes in seen)
    assert any("waiting up to 15 min for a node with a GPU" in line for line in lines)
    assert_equal_stores(words_store, tmp_path / "out")


@pytest.mark.slow
def test_gpus_that_never_come_are_not_waited_for(words_root, words_store, tmp_path):
    """Nor is the memory of workers, of which this cluster's nodes tell too little."""
    with (
        autoscaled_head({"cpu": {**CPU, "memory": 1 << 20}}, most=1) as address,
        running(words_sweep(words_root, tmp_path / "out"), address) as (seen, lines),
    ):
        pass
    assert max(seen, key=len) == [(1, 0)]
    assert "no node that may come has a GPU: units take the CPU" in lines
    assert any("counted by CPUs alone" in line for line in lines)
    assert_equal_stores(words_store, tmp_path / "out")


@pytest.mark.slow
def test_gpus_that_are_late_are_given_up(words_root, words_store, tmp_path, monkeypatch):
    """The first version of Ray's autoscaler says nothing of what cannot come.

    (With the fake provider it knows nodes by addresses, which are one and the same: none goes.)
    """
    monkeypatch.setattr(growth, "GPU_PATIENCE_S", 2.0)
    with (
        autoscaled_head({"cpu": CPU}, most=1, RAY_enable_autoscaler_v2="0") as address,
        running(words_sweep(words_root, tmp_path / "out"), address, shrinks=False) as (_, lines),
    ):
        pass
    assert any("no GPU came" in line for line in lines)
    assert_equal_stores(words_store, tmp_path / "out")


@pytest.mark.slow
def test_no_node_for_a_worker_ends_the_run_at_once(words_root, tmp_path):
    """A GPU that the spec asks for and no type of node has; what is done stays."""
    import ray

    with autoscaled_head({"cpu": CPU}, most=1) as address:
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            sweep = words_sweep(words_root, tmp_path / "out", "resources.fit.num_gpus=1")
            with pytest.raises(
                PlanError, match="no node of the cluster has 1 CPUs and 1 GPUs together"
            ):
                run_sweep(sweep, Quiet(), engine="ray")
        finally:
            ray.shutdown()
