"""What others can see of a run: progress in the store, a trace, the code that made the results."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from drill import Drill, drilled
from problems import Quiet, tiny_sweep, words_sweep, words_yaml

from cluster import plain_environment
from d2b_ray.engine import code, session
from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import SpecError
from d2b_ray.store import Store, holder


def d2b_ray(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "d2b_ray.cli", *map(str, arguments)], text=True,
        capture_output=True, env=plain_environment(HF_HUB_OFFLINE="1"),
    )  # fmt: skip


def test_progress_is_seen_from_the_root_alone(words_root, tmp_path):
    last = f"fit DM03 story {words_root}/words.txt layerNone TR3-5"
    drill = Drill(tmp_path / "drill")
    drill.script({last: ["wait"]})
    spec = tmp_path / "sweep.yaml"
    spec.write_text(words_yaml(words_root, tmp_path / "out"))
    env = plain_environment(
        **drilled(drill.folder), D2B_RAY_LEASE_S="1", HF_HUB_OFFLINE="1",
    )  # fmt: skip
    command = [sys.executable, "-m", "d2b_ray.cli", "run", str(spec), "--engine", "inline"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=env)
    try:
        drill.arrived(last)
        root = Store(str(tmp_path / "out"))
        while not (now := holder(root)).beat["run"] or now.beat["run"]["running"] != [last]:
            assert process.poll() is None
            time.sleep(0.05)
        assert now.beat["run"]["units"]["commit"]["done"] == 2
        seen = d2b_ray("status", tmp_path / "out")
        assert seen.returncode == 3, seen.stderr
        assert f"process {process.pid}" in seen.stdout
        assert f"running: {last}" in seen.stdout
        rows = {line.split()[0]: line.split()[1:] for line in seen.stdout.splitlines()[2:]}
        assert rows["fits"][:2] == ["2", "1"]  # done, running
        drill.go(last)
        watched = d2b_ray("status", tmp_path / "out", "--watch")
    finally:
        drill.go(last)
        assert process.wait() == 0
    assert watched.returncode == 0, watched.stdout
    assert "ended" in watched.stdout.splitlines()[-1]


def test_status_of_a_root_where_nothing_ran(tmp_path):
    done = d2b_ray("status", tmp_path)
    assert (done.returncode, done.stdout) == (3, f"{tmp_path}: no run has written here\n")


def test_a_trace_tells_when_every_unit_ran(words_root, tmp_path):
    trace = tmp_path / "out.json"
    sweep = words_sweep(words_root, tmp_path / "out")
    summary = run_sweep(sweep, Quiet(), engine="inline", trace=trace)
    events = json.loads(trace.read_text())["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert len(spans) == sum(summary.executed.values())
    assert {event["name"] for event in events if event["ph"] == "M"} == {
        "process_name", "thread_name",
    }  # fmt: skip
    ends = [span["ts"] + span["dur"] for span in spans]
    assert all(span["dur"] > 0 for span in spans)
    # one process, one unit at a time: nothing overlaps (but for a microsecond of rounding)
    assert all(nxt["ts"] >= end - 1000 for end, nxt in zip(ends, spans[1:], strict=False))


def test_results_of_other_code_are_not_continued_unasked(tiny_root, tmp_path, monkeypatch):
    out = tmp_path / "out"
    half = tiny_sweep(tiny_root, out, "features.llm.layers=[1]")
    assert run_sweep(half, Quiet(), engine="inline").ok
    now = code.code_now()
    monkeypatch.setattr(session, "code_now", lambda used=None: {**now, "digest": "f" * 64})
    assert run_sweep(half, Quiet(), engine="inline").ok  # nothing to do: nothing to ask
    whole = tiny_sweep(tiny_root, out)
    with pytest.raises(SpecError, match="--accept-code-change") as caught:
        run_sweep(whole, Quiet(), engine="inline")
    assert "\n" not in str(caught.value)
    summary = run_sweep(whole, Quiet(), engine="inline", accept_code_change=True)
    assert summary.ok
    assert summary.executed["fit"] == 4


def test_records_name_the_code(inline_store):
    (path, *_) = Store(str(inline_store)).list("units/commit/")
    record = Store(str(inline_store)).read_json(path)
    assert {"commit", "d2b-ray", "numpy", "torch", "python"} <= set(record["versions"])
    assert record["host"]
    assert record["device"] == "cpu"


def test_a_ray_that_does_not_tell_which_nodes_will_end_is_lived_with(monkeypatch):
    from ray._private.state import GlobalState

    from d2b_ray.engine.on_ray import nodes

    monkeypatch.delattr(GlobalState, "get_draining_nodes")
    assert nodes.draining() == {}
