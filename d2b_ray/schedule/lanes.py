"""How many workers of which shape a cluster gets. Pure arithmetic over logical resources.

Two lanes: *gpu* (shard, extract, factorize, fit) and *cpu* (all else: join, design, null ...). A cluster
without GPUs has one lane for all. Every worker is one long-lived actor that states both its CPUs
and its GPUs: an actor that asks for GPUs alone is silently given a CPU too, and a node can then
lock itself up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from d2b_ray.errors import PlanError
from d2b_ray.schedule.ready import PRIORITY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "CPU_KINDS", "Demand", "WorkerShape", "lane_shapes", "no_node_for", "shape_workers", "short_of_memory",
]  # fmt: skip

GPU_KINDS = frozenset({"shard", "extract", "factorize", "fit"})
ALL_KINDS = frozenset(PRIORITY)
CPU_KINDS = ALL_KINDS - GPU_KINDS


@dataclass(frozen=True, slots=True)
class Demand:
    """What the spec asks for: CPUs of a unit in each lane, and GPUs (None: 1 where there are any).

    `own_bytes` memory of a worker's own by kind of unit, the most that one takes. `left` units by
    kind: no lane gets more workers than the most of one of its kinds, for they
    would sit idle, and every kind that is left gets a worker. None: as many as fit. `at_most` workers
    for units of a kind, where the spec names a number.
    """

    gpu_lane_cpus: float = 1.0
    cpu_lane_cpus: float = 1.0
    gpus: float | None = None
    left: Mapping[str, int] | None = None
    own_bytes: Mapping[str, int] = field(default_factory=dict)
    at_most: Mapping[str, int] = field(default_factory=dict)

    def most(self, kinds: frozenset[str]) -> int:
        """The most workers of a lane that runs `kinds`."""
        if self.left is None:
            return 1_000_000
        wanted = {kind: n for kind, n in self.left.items() if kind in kinds}
        return max((min(n, self.at_most.get(kind, n)) for kind, n in wanted.items()), default=0)

    def bytes(self, kinds: frozenset[str]) -> int:
        """Memory that a worker of these kinds takes, for the largest unit that is left."""
        left = kinds if self.left is None else kinds & frozenset(self.left)
        return max((self.own_bytes.get(kind, 0) for kind in left), default=0)


@dataclass(frozen=True, slots=True)
class WorkerShape:
    """One worker: the kinds it runs and the logical resources it holds for its life.

    `spare`: kinds that it runs when none of its own are left.
    """

    kinds: frozenset[str]
    num_cpus: float
    num_gpus: float
    own_bytes: int = 0
    spare: frozenset[str] = frozenset()

    @property
    def lane(self) -> str:
        """Short name for logs and dashboards."""
        return "gpu" if self.num_gpus else "cpu"


def lane_shapes(demand: Demand, gpus: float) -> tuple[WorkerShape, ...]:
    """The workers of each lane of a cluster whose GPU workers hold `gpus` GPUs; 0: one lane for all."""
    if gpus == 0:
        size = max(demand.gpu_lane_cpus, demand.cpu_lane_cpus)
        return (WorkerShape(ALL_KINDS, size, 0.0, demand.bytes(ALL_KINDS)),)
    own = demand.bytes(GPU_KINDS)
    return (
        WorkerShape(GPU_KINDS, demand.gpu_lane_cpus, gpus, own, spare=CPU_KINDS),
        WorkerShape(CPU_KINDS, demand.cpu_lane_cpus, 0.0, demand.bytes(CPU_KINDS)),
    )


def shape_workers(
    nodes: list[Mapping[str, float]], demand: Demand, *, may_grow: bool = False
) -> list[WorkerShape]:
    """Workers that fit on `nodes` (their logical resources, memory too), GPU workers first.

    One of a lane there is always, where its CPUs fit, and one on each of the largest nodes if all are too
    small: estimates of memory are not that good.

    Raises PlanError when not a single worker of a needed lane fits, naming what is missing, unless
    more nodes `may_grow`.
    """
    gpus = demand.gpus
    if gpus is None:
        gpus = 1.0 if any(node.get("GPU", 0) >= 1 for node in nodes) else 0.0
    least = 0 if may_grow else 1
    if gpus == 0:
        (shape,) = lane_shapes(demand, gpus)
        room = [(node.get("CPU", 0), _memory(node)) for node in nodes]
        count = _count(room, shape.num_cpus, shape.own_bytes)
        if short_of_memory(nodes, demand):  # each is tried all the same
            count = max(count, _largest(nodes, shape.num_cpus))
        count = min(count, max(least, demand.most(ALL_KINDS)))
        if count < least:
            raise no_node_for(shape)
        return [shape] * count
    with_gpu, without = lane_shapes(demand, gpus)
    on_gpus, room = _gpu_workers(nodes, demand, gpus)
    count = min(_count(room, without.num_cpus, without.own_bytes), demand.most(CPU_KINDS))
    if count == 0 and may_grow:  # others may come for the rest: GPUs go when no fit is left
        return [with_gpu] * on_gpus
    if count == 0:  # every CPU serves a GPU, or GPUs are all that is wanted
        largest = demand.bytes(ALL_KINDS)
        everything = WorkerShape(ALL_KINDS, demand.gpu_lane_cpus, gpus, largest)
        if on_gpus < least:
            raise no_node_for(everything)
        return [everything] * on_gpus
    if on_gpus < least and demand.most(GPU_KINDS):
        raise no_node_for(with_gpu)
    return [with_gpu] * on_gpus + [without] * count


def short_of_memory(nodes: Sequence[Mapping[str, float]], demand: Demand) -> str | None:
    """What to tell a person where no node has the memory for one unit of some kind that is left."""
    most = max(map(_memory, nodes), default=math.inf)
    left = ALL_KINDS if demand.left is None else ALL_KINDS & frozenset(demand.left)
    short = {kind: demand.own_bytes.get(kind, 0) for kind in PRIORITY if kind in left}
    kind = max(short, key=short.__getitem__, default="")
    if not kind or short[kind] <= most:
        return None
    return (
        f"a {kind} unit may take {short[kind] / 1e9:.1f} GB of memory, and no machine has more than "
        f"{most / 1e9:.1f} GB for workers: it may end for lack of it, and is then tried with smaller pieces; "
        "lower resources.fit.memory_budget_mb, or give a larger machine"
    )


def _memory(node: Mapping[str, float]) -> float:
    """Bytes that a node has for processes; a node that does not tell has enough."""
    return node.get("memory", math.inf)


def _count(room: list[tuple[float, float]], cpus: float, own: int) -> int:
    """How many workers of `cpus` and `own` bytes fit on nodes with so many CPUs and bytes left; or one."""
    by_cpus = [math.floor(there / cpus) for there, _ in room]
    by_both = [
        min(count, math.floor(memory / own) if own and memory < math.inf else count)
        for count, (_, memory) in zip(by_cpus, room, strict=True)
    ]
    return sum(by_both) or min(1, sum(by_cpus))


def _largest(nodes: Sequence[Mapping[str, float]], cpus: float) -> int:
    """How many nodes with room for `cpus` have as much memory as the largest of them."""
    there = [_memory(node) for node in nodes if node.get("CPU", 0) >= cpus]
    return there.count(max(there, default=0.0))


def _gpu_workers(
    nodes: list[Mapping[str, float]], demand: Demand, gpus: float
) -> tuple[int, list[tuple[float, float]]]:
    """How many workers with a GPU, and the CPUs and bytes that they leave on each node."""
    there, most, own = 0, demand.most(GPU_KINDS), demand.bytes(GPU_KINDS)
    left: list[tuple[float, float]] = []
    for node in nodes:
        fit = min(
            math.floor(node.get("GPU", 0) / gpus + 1e-9),
            math.floor(node.get("CPU", 0) / demand.gpu_lane_cpus),
            most - there,
        )
        if own and _memory(node) < math.inf:
            fit = min(fit, max(1, math.floor(_memory(node) / own)))
        there += fit
        cpus = node.get("CPU", 0) - fit * demand.gpu_lane_cpus
        left.append((cpus, max(0.0, _memory(node) - fit * own)))
    return there, left


def no_node_for(shape: WorkerShape) -> PlanError:
    """No node has room for one worker, nor will any come."""
    return PlanError(
        f"no node of the cluster has {shape.num_cpus:g} CPUs and {shape.num_gpus:g} GPUs together, which one "
        "worker needs; lower resources.extract/fit/permute num_cpus or num_gpus, or add a node"
    )
