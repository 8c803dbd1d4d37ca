"""How many workers of which shape a cluster gets. Pure arithmetic over logical resources.

Two lanes: *gpu* (shard, extract, factorize, fit) and *cpu* (all else: join, design, null ...). A cluster
without GPUs has one lane for all. Every worker is one long-lived actor that states both its CPUs
and its GPUs: an actor that asks for GPUs alone is silently given a CPU too, and a node can then
lock itself up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from d2b_ray.errors import PlanError
from d2b_ray.schedule.ready import PRIORITY

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Demand", "WorkerShape", "shape_workers"]

GPU_KINDS = frozenset({"shard", "extract", "factorize", "fit"})
ALL_KINDS = frozenset(PRIORITY)
CPU_KINDS = ALL_KINDS - GPU_KINDS


@dataclass(frozen=True, slots=True)
class Demand:
    """What the spec asks for: CPUs of a unit in each lane, and GPUs (None: 1 where there are any).

    `left` units by kind: no lane gets more workers than the most of one of its kinds, for they
    would sit idle, and every kind that is left gets a worker. None: as many as fit.
    """

    gpu_lane_cpus: float = 1.0
    cpu_lane_cpus: float = 1.0
    gpus: float | None = None
    left: Mapping[str, int] | None = None

    def most(self, kinds: frozenset[str]) -> int:
        """The most workers of a lane that runs `kinds`."""
        if self.left is None:
            return 1_000_000
        return max((n for kind, n in self.left.items() if kind in kinds), default=0)


@dataclass(frozen=True, slots=True)
class WorkerShape:
    """One worker: the kinds it runs and the logical resources it holds for its life.

    `spare`: kinds that it runs when none of its own are left.
    """

    kinds: frozenset[str]
    num_cpus: float
    num_gpus: float
    spare: frozenset[str] = frozenset()

    @property
    def lane(self) -> str:
        """Short name for logs and dashboards."""
        return "gpu" if self.num_gpus else "cpu"


def shape_workers(nodes: list[Mapping[str, float]], demand: Demand) -> list[WorkerShape]:
    """Workers that fit on `nodes` (their logical resources), GPU workers first.

    Raises PlanError when not a single worker of a needed lane fits, naming what is missing.
    """
    gpus = demand.gpus
    if gpus is None:
        gpus = 1.0 if any(node.get("GPU", 0) >= 1 for node in nodes) else 0.0
    if gpus == 0:
        size = max(demand.gpu_lane_cpus, demand.cpu_lane_cpus)
        count = sum(math.floor(node.get("CPU", 0) / size) for node in nodes)
        most = max(1, demand.most(ALL_KINDS))
        return _at_least_one([WorkerShape(ALL_KINDS, size, 0.0)] * min(count, most), size, 0.0)
    on_gpus, cpus_left = _gpu_workers(nodes, demand, gpus)
    count = sum(math.floor(cpus / demand.cpu_lane_cpus) for cpus in cpus_left)
    count = min(count, demand.most(CPU_KINDS))
    if count == 0:  # every CPU serves a GPU, or GPUs are all that is wanted
        everything = WorkerShape(ALL_KINDS, demand.gpu_lane_cpus, gpus)
        return _at_least_one([everything] * on_gpus, demand.gpu_lane_cpus, gpus)
    with_gpu = WorkerShape(GPU_KINDS, demand.gpu_lane_cpus, gpus, spare=CPU_KINDS)
    without = WorkerShape(CPU_KINDS, demand.cpu_lane_cpus, 0.0)
    if on_gpus == 0 and demand.most(GPU_KINDS):
        _at_least_one([], demand.gpu_lane_cpus, gpus)
    return [with_gpu] * on_gpus + [without] * count


def _gpu_workers(
    nodes: list[Mapping[str, float]], demand: Demand, gpus: float
) -> tuple[int, list[float]]:
    """How many workers with a GPU, and the CPUs that they leave on each node."""
    left, most = 0, demand.most(GPU_KINDS)
    cpus: list[float] = []
    for node in nodes:
        fit = min(
            math.floor(node.get("GPU", 0) / gpus + 1e-9),
            math.floor(node.get("CPU", 0) / demand.gpu_lane_cpus),
            most - left,
        )
        left += fit
        cpus.append(node.get("CPU", 0) - fit * demand.gpu_lane_cpus)
    return left, cpus


def _at_least_one(workers: list[WorkerShape], cpus: float, gpus: float) -> list[WorkerShape]:
    if not workers:
        raise PlanError(
            f"no node of the cluster has {cpus:g} CPUs and {gpus:g} GPUs together, which one worker "
            "needs; lower resources.extract/fit/permute num_cpus or num_gpus, or add a node"
        )
    return workers
