"""Faults put exactly where they hurt, on several nodes: the same bytes in the end, nothing twice."""

from __future__ import annotations

import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import ray
from media_problem import media_yaml
from nodes import OBJECT_STORE_BYTES
from problems import Quiet, common_sweep, words_sweep
from stores import assert_equal_stores, records

from d2b_ray.engine.on_ray import driver, pool
from d2b_ray.engine.on_ray.reading_ahead import ReadingAhead
from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import PlanError
from d2b_ray.spec import parse

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]


@pytest.fixture
def labels(words_root):
    """What units are called in the drill: one of each kind that is put to the test."""
    model = f"{words_root}/words.txt"
    said = f"speechTranscription {model} layerNone TR3-5"
    return SimpleNamespace(
        extract=f"extract speechTranscription {model} wordvectors",
        design=f"design {said}",
        fit=f"fit DM01 {said}",
        fits=[
            f"fit {who} {level} {model} layerNone TR3-5"
            for who in ("DM01", "DM03")
            for level in ("speechTranscription", "story")
        ],
        null=f"null DM01 {said} 0-40 voxels 0-20",
        commit=f"commit DM01 {said}",
    )


@pytest.fixture
def drill(shared_drill):
    return shared_drill


@pytest.fixture
def run(on_ray, words_root, tmp_path):
    """Run the sweep over word vectors on the cluster."""

    def start(*overrides: str, **options):
        return on_ray(words_sweep(words_root, tmp_path / "out", *overrides), **options)

    start.out = tmp_path / "out"
    start.watcher, start.lines = on_ray.watcher, on_ray.watcher.lines
    return start


def until(happened, going) -> None:
    """Wait for what a run is to do before it ends."""
    while not happened():
        assert not going.done(), going.result()
        time.sleep(0.02)


def assert_started_once(drill, but: dict[str, int]) -> None:
    """Every unit started once, except for those named."""
    wrong = {k: n for k, n in drill.counts().items() if n != but.get(k, 1)}
    assert not wrong, wrong
    assert set(but) <= set(drill.counts())


def test_undisturbed_on_one_node(on_ray, common_root, common_store, tmp_path):
    """Every kind of unit: intervals, ceilings and comparisons too. The faults below run on two."""
    summary = on_ray(common_sweep(common_root, tmp_path / "out"), count=1).result()
    assert summary.ok
    counts = {"bootstrap": 16, "ceiling": 4, "commit": 16, "compare": 8}
    assert {kind: summary.executed[kind] for kind in counts} == counts
    assert_equal_stores(common_store, tmp_path / "out")


@pytest.mark.slow  # a node that joins does what those that announce their end have left, below
def test_undisturbed_on_nodes_that_join(run, nodes, drill, words_store, labels):
    """A node that has a fit holds it until two of them have one."""
    drill.script({fit: ["wait"] for fit in labels.fits})
    going = run(count=1)
    until(lambda: drill.nodes_of(labels.fits), going)
    nodes.add()
    until(lambda: len(drill.nodes_of(labels.fits)) == 2, going)
    for fit in labels.fits:
        drill.go(fit)
    assert going.result().ok
    assert_equal_stores(words_store, run.out)
    assert_started_once(drill, {})


def test_a_killed_worker_costs_the_unit_that_it_ran(run, drill, words_root, words_store, labels):
    """One of the units kills every worker: it fails alone, once it was given up."""
    poisoned = labels.fits[-1]
    once = {label: ["kill", "go"] for label in (labels.fit, labels.commit)}
    drill.script({**once, poisoned: ["kill"]}, repeat=True)
    summary = run().result()
    assert list(summary.failed) == [poisoned]
    assert summary.skipped == 3  # its two null tasks and its result
    assert summary.executed["commit"] == 3
    assert any(line.startswith(f"FAILED {poisoned}") for line in run.lines)
    often = {labels.fit: 2, labels.commit: 2, poisoned: 4}
    # a value that was not told yet goes with the worker that the next unit kills: it is charged with that
    # death, is made again, and the one that kills is not charged
    counts = drill.counts()
    instead = [k for k, n in counts.items() if k != poisoned and n == often.get(k, 1) + 1]
    assert len(instead) <= 1
    died = ": worker died; trying again"
    charged = Counter(line.removesuffix(died) for line in run.lines if line.endswith(died))
    assert charged[poisoned] == 3  # and once more, when it was given up
    assert charged.total() + 1 == counts[poisoned] + 2  # of each death one unit
    assert all(n == 1 for k, n in charged.items() if k != poisoned)
    assert {*instead} <= {*charged} <= {poisoned, labels.fit, labels.commit, *instead}
    assert_started_once(drill, often | {k: counts[k] for k in (*instead, poisoned)})
    again = words_sweep(words_root, run.out)
    assert run_sweep(again, Quiet(), engine="inline", retry_failed=True).ok
    assert_equal_stores(words_store, run.out)


def test_a_sick_node_costs_no_result(run, nodes, drill, words_store):
    """Whatever is tried there fails: it is done elsewhere, and before long that node gets nothing."""
    nodes.keep(2)
    sick, _ = nodes.nodes
    drill.script({}, sick=sick)
    assert run().result().ok
    assert_equal_stores(words_store, run.out)
    assert not list(run.out.glob("units/failed/*"))
    there = [start.label for start in drill.starts if start.node == sick]
    lines = [line for line in run.lines if "RuntimeError on" in line]
    told = len(set(lines))
    assert told == len(lines)  # no unit fails there twice
    assert 3 <= told <= 8  # three in a row, twice; and each time the one that waited behind
    # what waited behind a worker that was ended may have begun there, unheard of
    assert told <= len(there) <= told + 2


@pytest.mark.slow  # schedule/test_lanes.py; a lane of a GPU is filled in test_parity.py
def test_one_unit_a_kind_on_a_gpu_leaves_none_undone(run, nodes, words_store):
    """No more units of a kind than GPUs: those that need none have a worker nevertheless."""
    nodes.keep(0)
    lane = nodes.add(num_cpus=4, num_gpus=1)
    summary = run(
        "dataset.subjects=[DM01]", "features.said.annotation=[story]", "significance.test=none",
        count=1,
    ).result()  # fmt: skip
    nodes.lose(lane)
    assert summary.ok
    assert {k: summary.executed[k] for k in ("fit", "commit", "gather")} == {
        "fit": 1, "commit": 1, "gather": 1,
    }  # fmt: skip


def test_responses_are_read_ahead_of_a_gpu_and_by_it_where_their_reader_dies(
    run, nodes, words_store, monkeypatch
):
    nodes.keep(0)
    lane = nodes.add(num_cpus=3, num_gpus=1)
    begin, read = ReadingAhead.begin, []

    def begun(self, slot, *, idle):
        reads = begin(self, slot, idle=idle)
        if reads:
            answer = next(reversed(self.under_way))
            read.append((slot.shape.lane, self.under_way[answer][1]))
            if len(read) == 1:
                ray.kill(slot.handle)
        return reads

    monkeypatch.setattr(ReadingAhead, "begin", begun)
    assert run(count=1).result().ok
    nodes.lose(lane)
    assert sorted(read) == [("cpu", "DM01"), ("cpu", "DM03")]
    assert_equal_stores(words_store, run.out)


def test_false_starts_in_a_row_end_nothing(run, nodes, drill, words_store, labels, monkeypatch):
    """A node whose workers do not start, at first: more often than what is taken for a defect of the code."""
    monkeypatch.setattr(pool, "LONGEST_PAUSE_S", 0.1)
    often = pool.FALSE_STARTS + 1
    drill.script({fit: ["wait"] for fit in labels.fits})
    going = run(count=1)
    until(lambda: drill.nodes_of(labels.fits), going)
    sick = {"D2B_DRILL_START": "drill:starting", "D2B_FALSE_STARTS": str(often)}
    late = nodes.add(**sick)
    until(lambda: late in drill.nodes_of(labels.fits), going)  # it starts at last, and takes a fit
    for fit in labels.fits:
        drill.go(fit)
    assert going.result().ok
    assert (drill.folder / "false_starts.log").stat().st_size == often + 1
    told = [line for line in run.lines if "does not start" in line]
    assert len(told) == 1
    assert told[0].endswith("trying on")
    assert_equal_stores(words_store, run.out)
    assert_started_once(drill, {})


def test_a_gpu_that_torch_does_not_see_is_not_computed_on_in_silence(run, nodes):
    nodes.keep(0)
    lane = nodes.add(num_cpus=4, num_gpus=1, D2B_RAY_LOGICAL_GPUS="")
    going = run("dataset.subjects=[DM01]", count=1)
    with pytest.raises(PlanError, match=r"no gpu worker may run units: .* torch does not see"):
        going.result()
    nodes.lose(lane)


def test_a_node_that_does_not_see_the_data_gets_no_units(
    run, nodes, drill, words_root, words_store
):
    """It is told by name, and the others do all of it."""
    nodes.keep(1)
    with nodes.blind(words_root.parent) as blind:
        assert run(count=1).result().ok
    assert_equal_stores(words_store, run.out)
    assert blind not in {start.node for start in drill.starts}
    assert any(f"node {blind[:8]}" in line and "data set" in line for line in run.lines)


def test_a_lost_node_costs_its_units_and_its_values(run, nodes, drill, words_store, labels):
    """First the node of a fit is lost, then all but the one that has a result to write."""
    drill.script({labels.fit: ["wait"], labels.commit: ["wait"]})
    going = run()
    nodes.lose(drill.arrived(labels.fit).node)
    nodes.add()
    waiting = drill.arrived(labels.commit).node
    before = records(run.out)
    for number in [n for n in nodes.nodes if n != waiting]:
        nodes.lose(number)
    nodes.add()
    drill.go(labels.commit)
    assert going.result().ok
    assert_equal_stores(words_store, run.out)
    assert drill.counts()[labels.fit] >= 2
    after = records(run.out)
    assert before  # the features at least
    assert {path: after[path] for path in before} == before  # what has a record is never done twice


def test_full_memory_stops_nothing(run, drill, words_store, labels):
    """A unit that has too little is given less to do; an object store that is full spills."""
    import ray

    held = [ray.put(np.ones(64 << 20, np.uint8)) for _ in range(3)]
    assert sum(ray.get(ref).nbytes for ref in held) > OBJECT_STORE_BYTES
    drill.script({labels.fit: ["memory", "memory"]})
    assert run().result().ok
    assert_equal_stores(words_store, run.out)
    assert [s.memory_factor for s in drill.starts if s.label == labels.fit] == [1, 0.5, 0.25]
    assert_started_once(drill, {labels.fit: 3})
    assert all(int(ray.get(ref)[0]) == 1 for ref in held)


def test_a_unit_that_hangs_is_ended_and_runs_elsewhere(
    run, drill, words_store, labels, monkeypatch
):
    """The driver's clock is moved once nothing else runs: no unit is slow here but the one that hangs."""
    monkeypatch.setattr(driver, "SHORT_S", -1.0)  # nothing waits behind it
    late = SimpleNamespace(s=0.0)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late.s)
    monkeypatch.setattr(driver, "time", clock)
    drill.script({labels.fit: ["wait"]})
    going = run("resources.timeout_s=5000")
    drill.arrived(labels.fit)
    until(lambda: run.watcher.ended.get("commit") == 3, going)
    late.s = 6000.0
    assert going.result().ok
    assert_equal_stores(words_store, run.out)
    first, second = (start.node for start in drill.starts if start.label == labels.fit)
    assert first != second
    assert any("timeout; trying again" in line for line in run.lines)


def test_nodes_that_announce_their_end_get_no_more_units(run, nodes, drill, words_store, labels):
    """One has the time to end what it runs; the other is gone before, and it is done elsewhere."""
    drill.script({fit: ["wait"] for fit in labels.fits})
    going = run()
    until(lambda: len(drill.nodes_of(labels.fits)) == 2, going)
    one, two = (start for start in drill.starts if start.label in labels.fits)
    for start in (one, two):
        nodes.announce_end(start.node)
    until(lambda: sum("will end" in line for line in run.lines) == 2, going)
    begun = Counter(start.node for start in drill.starts)
    nodes.add()
    nodes.lose(two.node)
    for fit in labels.fits:
        drill.go(fit)
    assert going.result().ok
    assert_equal_stores(words_store, run.out)
    counts = drill.counts()
    assert (counts[one.label], counts[two.label]) == (1, 2)
    assert sum("preempted; trying again" in line for line in run.lines) == 1
    after = Counter(start.node for start in drill.starts)
    assert {start.node: after[start.node] for start in (one, two)} == {
        start.node: begun[start.node] for start in (one, two)
    }
    nodes.lose(one.node)


def test_an_unreachable_store_stops_the_sweep_and_loses_nothing(
    run, drill, words_root, words_store, labels
):
    drill.script({labels.commit: ["store", "store", "store"]})
    summary = run().result()
    assert not summary.ok
    assert "cannot be reached" in summary.stopped
    assert summary.failed == {}
    assert not list(run.out.glob("units/failed/*"))
    before = records(run.out)
    assert run_sweep(words_sweep(words_root, run.out), Quiet(), engine="inline").ok
    after = records(run.out)
    assert {path: after[path] for path in before} == before
    assert_equal_stores(words_store, run.out)


def test_a_killed_extractor_reads_its_set_again(
    media_root, media_models, media_store, tmp_path, on_ray, drill
):
    drill.script({f"extract frames {media_models}/vit vision": ["kill"]})
    assert on_ray(parse(media_yaml(media_root, media_models, tmp_path / "out"))).result().ok
    again = {label: n for label, n in drill.counts().items() if n > 1}
    assert again == {f"extract frames {media_models}/vit vision": 3}  # `see` and `film`: one label
    assert_equal_stores(media_store, tmp_path / "out")
