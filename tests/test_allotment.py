"""A part of a machine is taken for a part: affinity, control groups of both versions, schedulers' words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import ray

from d2b_ray import allotment
from d2b_ray.engine.on_ray.joining import joined
from d2b_ray.errors import ClusterError

WHOLE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
SAID = ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", *{job for _, job in allotment.CORES})


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Writes the control groups of this process: what /proc says, and files below the root."""
    for name in SAID:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(48)), raising=False)
    monkeypatch.setattr(allotment, "_whole_memory", lambda: 512 << 30)
    monkeypatch.setattr(allotment, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(allotment, "GROUPS", tmp_path / "groups")

    def write(own, **files):
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "groups" / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")

    return write


def told():
    return allotment.cores(), allotment.memory_bytes() >> 20


def test_without_limits_all_that_the_process_may_run_on(groups):
    groups("0::/user.slice\n")
    assert told() == (48, 512 << 10)
    assert allotment.resources() == {"num_cpus": 48}


def test_version_two_and_the_groups_around_it(groups):
    groups(
        "0::/system.slice/slurmstepd.scope/job_7/step_0\n",
        system_DOT_slice__slurmstepd_DOT_scope__job_7__memory_DOT_max=str(32 << 30),
        system_DOT_slice__slurmstepd_DOT_scope__job_7__step_0__memory_DOT_max="max",
        system_DOT_slice__cpu_DOT_max="600000 100000",
    )
    assert told() == (6, 32 << 10)


def test_version_one(groups):
    groups(
        "4:memory:/slurm/uid_1/job_7\n3:cpu,cpuacct:/slurm\n2:cpuset:/\n0::/\n",
        memory__memory_DOT_limit_in_bytes="9223372036854771712",
        memory__slurm__uid_1__job_7__memory_DOT_limit_in_bytes=str(16 << 30),
        cpu__slurm__cpu_DOT_cfs_quota_us="-1",
        cpu__slurm__cpu_DOT_cfs_period_us="100000",
    )
    assert told() == (48, 16 << 10)


def test_less_than_a_core_is_one(groups):
    groups("0::/\n", cpu_DOT_max="50000 100000")
    assert allotment.cores() == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_NODE": "65536"}, (8, 64 << 10)),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_CPU": "4000"}, (8, 32000)),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_NODE": "0"}, (8, 512 << 10)),  # all there is
        ({"SGE_TASK_ID": "undefined", "NSLOTS": "4"}, (4, 512 << 10)),
        ({"PBS_JOBID": "7.head", "NCPUS": "16"}, (16, 512 << 10)),
        ({"LSB_JOBID": "7", "LSB_DJOB_NUMPROC": "96"}, (48, 512 << 10)),  # of two nodes
        ({"NSLOTS": "4", "NCPUS": "4", "LSB_DJOB_NUMPROC": "4"}, (48, 512 << 10)),  # of no job
    ],
)
def test_what_a_scheduler_says_where_it_does_not_confine(groups, monkeypatch, words, expected):
    groups("0::/\n")
    for name, word in words.items():
        monkeypatch.setenv(name, word)
    assert told() == expected


def test_a_system_without_control_groups(groups):
    assert told() == (48, 512 << 10)


@pytest.mark.parametrize(
    ("shared", "memory", "store"),
    [
        (64 << 20, 8 << 30, 0.3 * (8 << 30)),  # a container's: Ray takes a folder in its place
        (64 << 20, 256 << 30, 10**10),  # of more than that Ray would refuse to
        (64 << 30, 256 << 30, 0.95 * (64 << 30)),
        (64 << 30, 128 << 20, 100 * 10**6),
    ],
)
def test_an_object_store_that_ray_starts_with(groups, monkeypatch, shared, memory, store):
    groups("0::/\n", memory_DOT_max=str(memory))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=shared))
    assert allotment.resources()["object_store_memory"] == int(store)


def test_a_cluster_of_this_machine_has_its_share_of_it():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "import ray\n"
        "from d2b_ray.engine.on_ray.joining import joined\n"
        "with joined(None, 0, (), print):\n"
        "    there = ray.cluster_resources()\n"
        "    print(*(int(there[name]) for name in ('CPU', 'memory', 'object_store_memory')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "SLURM_MEM_PER_NODE": "3072"},
    )  # fmt: skip
    cpus, memory, store = map(int, done.stdout.split())
    assert cpus == 1
    assert store <= 0.3 * (3 << 30)
    assert memory + store <= 2 << 30  # the third is for Ray's processes and the driver


def test_a_limit_of_address_space():
    """As `qsub -l h_vmem=8G` sets it: Ray with an object store of a third of the machine would not start."""
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({8 << 30}, {8 << 30}))\n"
        "import ray\n"
        "from d2b_ray.engine.on_ray.joining import joined\n"
        "with joined(1, 0, (), print):\n"
        "    print(int(ray.cluster_resources()['object_store_memory']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 0.3 * (8 << 30)


def test_a_ray_that_does_not_start_is_one_line(monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("The current node timed out\nduring startup.")

    monkeypatch.setattr(ray, "init", refuse)
    with (
        pytest.raises(
            ClusterError,
            match=r"does not start on this machine \(The current node timed out during",
        ),
        joined(1, 0, (), print),
    ):
        pass


def test_the_options_of_ray_start():
    done = subprocess.run(
        [sys.executable, "-m", "d2b_ray.allotment"], capture_output=True, text=True, check=True,
        env={**os.environ, "SLURM_MEM_PER_NODE": "2048", "SLURM_CPUS_ON_NODE": "1"},
    )  # fmt: skip
    options = dict(word.split("=") for word in done.stdout.split())
    assert options["--num-cpus"] == "1"
    assert set(options) == {"--num-cpus", "--memory", "--object-store-memory"}
    assert int(options["--object-store-memory"]) <= 0.3 * (2 << 30)
