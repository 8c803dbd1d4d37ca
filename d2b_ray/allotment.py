"""What of this machine a process may use: cores and memory, as a scheduler or a control group allots them.

Ray asks for the limits of a container only: on a node that Slurm shares out it takes the whole machine for
its own, starts a worker for every core of it, and is ended for the memory. `python -m d2b_ray.allotment`
prints the options of `ray start` that tell it.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cores", "memory_bytes", "resources"]

OWN_GROUPS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")
SHARED_MEMORY = Path("/dev/shm")
MIB = 1 << 20  # Slurm's unit
# Where a scheduler says how many cores a job has, and what it sets in each of its jobs: the former mean
# something else elsewhere. Slots of a job of several nodes are those of all of them together.
CORES = (
    ("SLURM_CPUS_ON_NODE", "SLURM_CPUS_ON_NODE"),
    ("NSLOTS", "SGE_TASK_ID"),  # Grid Engine
    ("NCPUS", "PBS_JOBID"),  # of this node
    ("LSB_DJOB_NUMPROC", "LSB_JOBID"),  # LSF
)
STORE_SHARE = 0.3  # of the memory is Ray's object store, as Ray has it too
LEAST_STORE = 100 * 10**6  # Ray's least is 79 MB
MOST_ON_DISK = 10**10  # where shared memory is too small Ray takes temporary files, up to here
RAYS_BYTES = 1 << 30  # for Ray's own processes and the driver


def cores() -> int:
    """Cores that this process may run on."""
    most = [os.cpu_count() or 1]
    most += [count for name, job in CORES if job in os.environ for count in _told(name)]
    if hasattr(os, "sched_getaffinity"):
        most.append(len(os.sched_getaffinity(0)))
    for group in _groups("cpu"):
        words = _words(group / "cpu.max")
        words = words or _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
        if len(words) == 2 and words[0].isdecimal():  # else "max", or -1
            most.append(int(words[0]) // int(words[1]))
    return max(1, min(most))


def memory_bytes() -> int:
    """Memory that this process and its siblings may take together."""
    most = [_whole_memory()]
    most += [mib * MIB for mib in _told("SLURM_MEM_PER_NODE")]
    for each in _told("SLURM_MEM_PER_CPU"):
        most += [each * count * MIB for count in _told("SLURM_CPUS_ON_NODE")]
    for group in _groups("memory"):
        words = _words(group / "memory.max") or _words(group / "memory.limit_in_bytes")
        most += [int(word) for word in words if word.isdecimal()]
    with suppress(ImportError):  # Windows has none
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)  # of each process: h_vmem of Grid Engine
        most += [limit] if limit != resource.RLIM_INFINITY else []
    return min(most)


def resources() -> dict[str, int]:
    """`num_cpus`, and of a part of the machine's memory `memory` and `object_store_memory`, for Ray."""
    found, allotted = {"num_cpus": cores()}, memory_bytes()
    if allotted < _whole_memory():
        store = max(int(STORE_SHARE * allotted), LEAST_STORE)
        if SHARED_MEMORY.is_dir():
            shared = shutil.disk_usage(SHARED_MEMORY).free * 95 // 100
            store = min(store, max(shared, MOST_ON_DISK))
        found["object_store_memory"] = store
        found["memory"] = max(allotted - store - RAYS_BYTES, allotted // 4)
    return found


def _whole_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _told(name: str) -> list[int]:
    """What a scheduler says in the environment; 0 of memory is all there is."""
    word = os.environ.get(name, "")
    return [int(word)] if word.isdecimal() and int(word) else []


def _groups(controller: str) -> Iterator[Path]:
    """The control groups of this process that may limit it, from its own outwards; version 1 or 2."""
    for line in _lines(OWN_GROUPS):
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = GROUPS / controller if controllers else GROUPS
        own = root / path.lstrip("/")
        yield from (own, *(parent for parent in own.parents if parent.is_relative_to(root)))


def _words(path: Path) -> list[str]:
    return [word for line in _lines(path) for word in line.split()]


def _lines(path: Path) -> list[str]:
    """Of a file of the system; none where the system has no such thing."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    options = [f"--{name.replace('_', '-')}={value}" for name, value in resources().items()]
    sys.stdout.write(" ".join(options) + "\n")
