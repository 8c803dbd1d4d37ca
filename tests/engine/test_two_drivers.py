"""Two drivers on one output root, as separate processes; one of them frozen and thawed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from drill import Drill, drilled
from problems import words_yaml
from stores import assert_equal_stores

from cluster import plain_environment
from d2b_ray.store import Store

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture
def drill(tmp_path):
    return Drill(tmp_path / "drill")


@pytest.fixture
def spec(words_root, tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(words_yaml(words_root, tmp_path / "out"))
    return path


@pytest.fixture
def commit(words_root):
    """The unit at which the first driver waits."""
    return f"commit DM01 speechTranscription {words_root}/words.txt layerNone TR3-5"


def start(spec, drill, *options, silence_s=3):
    """A driver; those that ask for its root take it for dead after so long without a sign of life."""
    env = plain_environment(
        **drilled(drill.folder), D2B_RAY_LEASE_S=str(silence_s), HF_HUB_OFFLINE="1",
    )  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "d2b_ray.cli", "run", str(spec), *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip


def everything(root) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of change of all files but the lease's."""
    store = Store(str(root))
    paths = [path for path in store.list() if not path.startswith("lease/")]
    return {path: (store.read_bytes(path), os.stat(root / path).st_mtime_ns) for path in paths}


def test_the_second_driver_is_refused_before_it_does_anything(spec, drill, commit, words_store):
    drill.script({commit: ["wait"]})
    first = start(spec, drill, "--engine", "inline")
    drill.arrived(commit)
    second = start(spec, drill, "--engine", "inline", silence_s=60)
    out, err = second.communicate()
    assert second.returncode == 2, out + err
    assert f"process {first.pid}" in err
    assert len(err.splitlines()) == 1
    drill.go(commit)
    out, err = first.communicate()
    assert first.returncode == 0, out + err
    assert_equal_stores(words_store, spec.parent / "out")


@pytest.mark.ray
@pytest.mark.parametrize(
    "engine",
    ["ray", pytest.param("inline", marks=pytest.mark.slow)],  # less: no worker that goes on
)
def test_a_frozen_driver_writes_nothing_once_it_is_thawed(spec, drill, commit, words_store, engine):
    """With Ray, only the driver is frozen: its worker goes on, and must be held back too."""
    options = ("--engine", "inline") if engine == "inline" else ("--num-cpus", "1")
    drill.script({commit: ["wait"]})
    first = start(spec, drill, *options)
    drill.arrived(commit)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = start(spec, drill, "--engine", "inline")
        out, err = second.communicate()
        assert second.returncode == 0, out + err
        assert "taking over" in out
        before = everything(spec.parent / "out")
        drill.go(commit)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    out, err = first.communicate()
    assert first.returncode == 2, out + err
    assert "another run has taken over" in err
    assert everything(spec.parent / "out") == before
    assert_equal_stores(words_store, spec.parent / "out")
