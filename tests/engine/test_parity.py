"""Every engine, with any number of workers, leaves the same store as the inline engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from problems import COMMON, tiny_yaml
from stores import assert_equal_stores, records

pytestmark = pytest.mark.ray


def command(spec, *options):
    return [sys.executable, "-m", "d2b_ray.cli", "run", str(spec), *options]


def environment(**more):
    """Of a process that starts a cluster of its own, with a token, as a user's does."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    return plain | more


@pytest.mark.parametrize(
    "options",
    [("--num-cpus", "1"), ("--num-cpus", "4", "--num-gpus", "2")],
    ids=["one worker", "two logical GPUs"],
)
def test_ray_leaves_the_inline_store(tiny_root, inline_store, tmp_path, options):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(tiny_yaml(tiny_root, tmp_path / "out"))
    done = subprocess.run(
        command(spec, *options), capture_output=True, text=True, timeout=300, env=environment()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 fit" in done.stdout
    assert_equal_stores(inline_store, tmp_path / "out")


def test_ray_leaves_the_inline_store_with_intervals_ceilings_and_comparisons(
    common_root, common_store, tmp_path
):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(COMMON.format(root=common_root, out=tmp_path / "out"))
    done = subprocess.run(
        command(spec, "--num-cpus", "2"), capture_output=True, text=True,
        timeout=300, env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "16 bootstrap, 4 ceiling, 16 commit, 8 compare" in done.stdout
    assert_equal_stores(common_store, tmp_path / "out")


def test_a_killed_driver_is_resumed(tiny_root, inline_store, tmp_path):
    out = tmp_path / "out"
    spec = tmp_path / "sweep.yaml"
    spec.write_text(tiny_yaml(tiny_root, out))
    process = subprocess.Popen(
        command(spec, "--num-cpus", "2"), stdout=subprocess.DEVNULL, env=environment()
    )
    deadline = time.monotonic() + 200
    while len(list(out.glob("units/commit/*.json"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(3)  # workers that outlive their driver for a moment may still end a unit
    before = records(out)
    assert sum(r["kind"] == "commit" for r in before.values()) < 8
    done = subprocess.run(
        command(spec, "--num-cpus", "2"), capture_output=True, text=True, timeout=300,
        env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    after = records(out)
    assert {path: after[path] for path in before} == before
    assert_equal_stores(inline_store, out)


def test_a_finished_sweep_starts_no_ray(tiny_root, inline_store, tmp_path):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(tiny_yaml(tiny_root, inline_store))
    program = (
        "import json, sys, time; began = time.monotonic()\n"
        "from pathlib import Path; from d2b_ray.cli.running import run_and_tell\n"
        "from d2b_ray.spec import load\n"
        "code = run_and_tell(load(Path(sys.argv[1])), engine='ray')\n"
        "print(json.dumps([code, 'ray' in sys.modules, time.monotonic() - began]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(spec)], capture_output=True, text=True, timeout=100
    )
    assert "Nothing to do" in done.stdout, done.stderr
    code, ray_loaded, seconds = json.loads(done.stdout.splitlines()[-1])
    assert (code, ray_loaded) == (0, False)
    assert seconds < 5
