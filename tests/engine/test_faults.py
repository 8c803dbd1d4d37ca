"""Faults put exactly where they hurt, on several nodes: the same bytes in the end, nothing twice."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from drill import Drill
from nodes import Nodes
from problems import MODEL, Quiet, tiny_sweep
from stores import assert_equal_stores, records

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]

TESTS = Path(__file__).resolve().parents[1]


def label(text: str) -> str:
    """`fit DM01 story layer1 ...` with the model where labels have it."""
    kind_to_annotation, layer, rest = text.partition(" layer")
    return f"{kind_to_annotation} {MODEL}{layer}{rest}"


FIT = label("fit DM01 speechTranscription layer1 TR3-5")
DESIGN = label("design speechTranscription layer1 TR3-5")
NULL = label("null DM01 speechTranscription layer1 TR3-5 0-20")
COMMIT = label("commit DM01 speechTranscription layer1 TR3-5")
EXTRACT = f"extract speechTranscription {MODEL} semantic"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("drill")


@pytest.fixture(scope="module")
def nodes(ray_folder, folder):
    import ray

    before = dict(os.environ)
    os.environ.update(
        D2B_DRILL=str(folder),
        D2B_RAY_INJECT_FAULT="drill:before",
        PYTHONPATH=f"{TESTS}:{os.environ.get('PYTHONPATH', '')}",
        RAY_task_oom_retries="0",
    )
    made = Nodes(ray_folder)
    ray.init(address=made.cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        yield made
    finally:
        ray.shutdown()
        made.cluster.shutdown()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def drill(folder):
    return Drill(folder)


@pytest.fixture
def run(nodes, tiny_root, tmp_path):
    """Run the tiny sweep on the cluster, in a thread; `.result()` waits."""
    from d2b_ray.engine.session import run_sweep

    nodes.keep(2)
    pool = ThreadPoolExecutor(1)
    watcher = Quiet()

    def start(*overrides: str, **options):
        sweep = tiny_sweep(tiny_root, tmp_path / "out", *overrides)
        return pool.submit(run_sweep, sweep, watcher, engine="ray", **options)

    start.out = tmp_path / "out"
    start.lines = watcher.lines
    yield start
    pool.shutdown()


def assert_started_once(drill: Drill, but: dict[str, int]) -> None:
    """Every unit started once, except for those named."""
    wrong = {k: n for k, n in drill.counts().items() if n != but.get(k, 1)}
    assert not wrong, wrong
    assert set(but) <= set(drill.counts())


@pytest.mark.parametrize("count", [1, 4])
def test_undisturbed_on_any_number_of_nodes(run, nodes, drill, inline_store, count):
    """The faults below run on two."""
    nodes.keep(count)
    assert run().result().ok
    assert_equal_stores(inline_store, run.out)
    assert_started_once(drill, {})
    assert len({start.node for start in drill.starts}) == count


def test_a_killed_worker_costs_the_unit_that_it_ran(run, drill, inline_store):
    drill.script({FIT: ["kill"], NULL: ["kill", "kill"], COMMIT: ["kill"], EXTRACT: ["kill"]})
    assert run().result().ok
    assert_equal_stores(inline_store, run.out)
    assert_started_once(drill, {FIT: 2, NULL: 3, COMMIT: 2, EXTRACT: 2})
    assert sum("worker died; trying again" in line for line in run.lines) == 5


def test_a_lost_node_costs_its_units_and_its_values(run, nodes, drill, inline_store):
    drill.script({FIT: ["wait"]})
    going = run()
    lost = drill.arrived(FIT).node
    nodes.lose(lost)
    nodes.add()
    assert going.result().ok
    assert_equal_stores(inline_store, run.out)
    counts = drill.counts()
    assert counts[FIT] >= 2
    again = {name.split()[0] for name, count in counts.items() if count > 1}
    assert not again & {"extract", "commit", "gather"}  # what has a record is never done twice


def test_a_value_that_is_lost_is_made_again(run, nodes, drill, inline_store):
    drill.script({COMMIT: ["wait"]})
    going = run("resources.permute.block=40")
    waiting = drill.arrived(COMMIT).node
    for number in [n for n in nodes.nodes if n != waiting]:
        nodes.lose(number)
    nodes.add()
    drill.go(COMMIT)
    assert going.result().ok
    assert_equal_stores(inline_store, run.out)


def test_out_of_memory_is_tried_with_less(run, drill, inline_store):
    drill.script({FIT: ["memory", "memory"]})
    assert run().result().ok
    assert_equal_stores(inline_store, run.out)
    assert [s.memory_factor for s in drill.starts if s.label == FIT] == [1, 0.5, 0.25]
    assert_started_once(drill, {FIT: 3})


def test_a_poisoned_unit_fails_alone(run, drill, inline_store):
    drill.script({FIT: ["kill"], DESIGN: ["go"]}, repeat=True)
    summary = run().result()
    assert list(summary.failed) == [FIT]
    assert summary.skipped == 3  # its two null blocks and its result
    assert summary.executed["commit"] == 7
    assert drill.counts()[FIT] == 4
    assert any(line.startswith(f"FAILED {FIT}") for line in run.lines)
    drill.script({})
    assert run(retry_failed=True).result().ok
    assert_equal_stores(inline_store, run.out)


def test_a_unit_that_hangs_is_ended_and_runs_elsewhere(run, drill, inline_store):
    drill.script({FIT: ["hang"]})
    assert run("resources.timeout_s=15").result().ok
    assert_equal_stores(inline_store, run.out)
    first, second = (start.node for start in drill.starts if start.label == FIT)
    assert first != second
    assert any("timeout; trying again" in line for line in run.lines)


def test_a_node_that_announces_its_end_gets_no_more_units(run, nodes, drill, inline_store):
    drill.script({FIT: ["wait"]})
    going = run()
    leaving = drill.arrived(FIT).node
    nodes.announce_end(leaving)
    while not any("will end" in line for line in run.lines):
        going.exception(0.05) if going.done() else None
        assert not going.done()
    begun = sum(start.node == leaving for start in drill.starts)
    drill.go(FIT)
    assert going.result().ok
    # a short one may have been waiting at the worker
    assert begun <= sum(start.node == leaving for start in drill.starts) <= begun + 1
    assert_started_once(drill, {})  # what ran there had time to end
    assert_equal_stores(inline_store, run.out)
    nodes.lose(leaving)


def test_what_a_reclaimed_node_ran_is_done_elsewhere(run, nodes, drill, inline_store):
    drill.script({FIT: ["wait"]})
    going = run()
    leaving = drill.arrived(FIT).node
    nodes.announce_end(leaving)
    while not any("will end" in line for line in run.lines):
        assert not going.done()
    nodes.lose(leaving)
    assert going.result().ok
    assert_equal_stores(inline_store, run.out)
    assert any("preempted; trying again" in line for line in run.lines)


def test_an_unreachable_store_stops_the_sweep_and_loses_nothing(run, drill, inline_store):
    drill.script({COMMIT: ["store", "store", "store"]})
    summary = run().result()
    assert not summary.ok
    assert "cannot be reached" in summary.stopped
    assert summary.failed == {}
    assert not list(run.out.glob("units/failed/*"))
    before = records(run.out)
    drill.script({})
    assert run().result().ok
    after = records(run.out)
    assert {path: after[path] for path in before} == before
    assert_equal_stores(inline_store, run.out)


def test_a_full_object_store_spills(nodes, run, drill, inline_store):
    import numpy as np
    import ray

    room = int(ray.cluster_resources()["object_store_memory"])
    held = [ray.put(np.ones(64 << 20, np.uint8)) for _ in range(3)]
    assert room > 0
    summary = run().result()
    assert summary.ok
    assert_equal_stores(inline_store, run.out)
    assert all(int(ray.get(ref)[0]) == 1 for ref in held)


def test_nodes_that_join_are_used(run, nodes, drill, inline_store):
    nodes.keep(1)
    drill.script({FIT: ["wait"]})
    going = run()
    drill.arrived(FIT)
    joined = nodes.add()
    while not any(start.node == joined for start in drill.starts):
        assert not going.done()
    drill.go(FIT)
    assert going.result().ok
    assert_equal_stores(inline_store, run.out)
    assert Counter(drill.counts().values()).keys() == {1}
