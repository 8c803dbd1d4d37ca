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


@dataclass(frozen=True, slots=True)
class Demand:
    """What the spec asks for: CPUs of a unit in each lane, and GPUs (None: 1 where there are any)."""

    gpu_lane_cpus: float = 1.0
    cpu_lane_cpus: float = 1.0
    gpus: float | None = None
    most_workers: int = 10_000


@dataclass(frozen=True, slots=True)
class WorkerShape:
    """One worker: the kinds it runs and the logical resources it holds for its life."""

    kinds: frozenset[str]
    num_cpus: float
    num_gpus: float

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
        return _at_least_one([WorkerShape(ALL_KINDS, size, 0.0)] * count, demand, size, 0.0)
    gpu_workers: list[WorkerShape] = []
    cpus_left: list[float] = []
    for node in nodes:
        fit = min(
            math.floor(node.get("GPU", 0) / gpus + 1e-9),
            math.floor(node.get("CPU", 0) / demand.gpu_lane_cpus),
        )
        gpu_workers += [WorkerShape(GPU_KINDS, demand.gpu_lane_cpus, gpus)] * fit
        cpus_left.append(node.get("CPU", 0) - fit * demand.gpu_lane_cpus)
    count = sum(math.floor(cpus / demand.cpu_lane_cpus) for cpus in cpus_left)
    if count == 0:  # every CPU serves a GPU: those workers run everything
        gpu_workers = [WorkerShape(ALL_KINDS, w.num_cpus, w.num_gpus) for w in gpu_workers]
    cpu_kinds = ALL_KINDS - GPU_KINDS
    workers = gpu_workers + [WorkerShape(cpu_kinds, demand.cpu_lane_cpus, 0.0)] * count
    return _at_least_one(workers if gpu_workers else [], demand, demand.gpu_lane_cpus, gpus)


def _at_least_one(
    workers: list[WorkerShape], demand: Demand, cpus: float, gpus: float
) -> list[WorkerShape]:
    if not workers:
        raise PlanError(
            f"no node of the cluster has {cpus:g} CPUs and {gpus:g} GPUs together, which one worker "
            "needs; lower resources.extract/fit/permute num_cpus or num_gpus, or add a node"
        )
    return workers[: max(1, demand.most_workers)]
