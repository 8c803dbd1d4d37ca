"""A cluster that `d2b-ray run` starts itself leaves the store of the inline engine, also when it is killed.

That any number of workers does, and every kind of unit, is seen beside the faults (on_ray/test_faults.py).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from problems import Quiet, words_sweep, words_yaml
from stores import assert_equal_stores, records

from cluster import free_ports, plain_environment
from d2b_ray.engine.session import run_sweep

pytestmark = pytest.mark.ray

PROCESSES = Path("/proc")


def command(spec, *options):
    return [sys.executable, "-m", "d2b_ray.cli", "run", str(spec), *options]


def test_a_logical_gpu_leaves_the_inline_store(words_root, words_store, tmp_path):
    """A cluster of its own, with a token, as a user's; extractors and fits on the GPU worker.

    Not one that Ray would find by chance, and that is dead; a long TMPDIR, as Slurm's, is no harm.
    """
    (dead,) = free_ports(1)
    folder = tmp_path / ("slurm" * 12)
    (folder / "ray").mkdir(parents=True)
    (folder / "ray/ray_current_cluster").write_text(f"127.0.0.1:{dead}")
    spec = tmp_path / "sweep.yaml"
    spec.write_text(words_yaml(words_root, tmp_path / "out"))
    done = subprocess.run(
        command(spec, "--num-cpus", "2", "--num-gpus", "1"),
        capture_output=True, text=True, env=plain_environment(TMPDIR=str(folder)),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 fit" in done.stdout
    assert_equal_stores(words_store, tmp_path / "out")


def test_a_killed_driver_is_resumed(words_root, words_store, tmp_path):
    out = tmp_path / "out"
    spec = tmp_path / "sweep.yaml"
    spec.write_text(words_yaml(words_root, out))
    mark = f"D2B_TEST={tmp_path}"
    process = subprocess.Popen(
        command(spec, "--num-cpus", "1"), stdout=subprocess.DEVNULL,
        env=plain_environment(D2B_TEST=str(tmp_path)),
    )  # fmt: skip
    while not list(out.glob("units/commit/*.json")):
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while workers_with(mark):  # they outlive their driver for a moment, and may end a unit
        time.sleep(0.5)  # a look at all processes is not cheap
    before = records(out)
    assert 0 < sum(r["kind"] == "commit" for r in before.values()) < 4
    assert run_sweep(words_sweep(words_root, out), Quiet(), engine="inline").ok
    after = records(out)
    assert {path: after[path] for path in before} == before
    assert_equal_stores(words_store, out)


def workers_with(variable: str) -> list[int]:
    """Ray's workers that have this variable in their environment."""
    found = []
    for folder in PROCESSES.glob("[0-9]*"):
        try:
            inside = variable.encode() in (folder / "environ").read_bytes().split(b"\0")
            inside &= (folder / "cmdline").read_bytes().startswith(b"ray::")
        except OSError:
            continue  # it has ended, or is somebody else's
        if inside:
            found.append(int(folder.name))
    return found


def test_a_finished_sweep_starts_no_ray(words_root, words_store, tmp_path):
    spec = tmp_path / "sweep.yaml"
    spec.write_text(words_yaml(words_root, words_store))
    program = (
        "import json, sys\n"
        "from pathlib import Path; from d2b_ray.cli.running import run_and_tell\n"
        "from d2b_ray.spec import load\n"
        "code = run_and_tell(load(Path(sys.argv[1])), engine='ray')\n"
        "print(json.dumps([code, [m for m in ('ray', 'torch', 'transformers') if m in sys.modules]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(spec)], capture_output=True, text=True
    )
    assert "Nothing to do" in done.stdout, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []]  # what would take seconds
