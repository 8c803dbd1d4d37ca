"""What is asked of a cluster that grows by itself, and what is asked no more because it never comes."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from d2b_ray.engine.on_ray.autoscaling import denied, grows
from d2b_ray.engine.on_ray.nodes import resources
from d2b_ray.schedule.lanes import lane_shapes, no_node_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from d2b_ray.engine.on_ray.workers import WorkerSlot
    from d2b_ray.schedule.lanes import Demand, WorkerShape

__all__ = ["Growth"]

GPU_PATIENCE_S = 900.0  # for the first GPU of a cluster that may have some, if the spec is silent
REPORT_S = 12.0  # until an autoscaler has seen what was asked, and told what it thinks of it


class Growth:
    """Whether the cluster `grows`, and the demand as it is put to it.

    Where the spec leaves it open, such a cluster is taken to have GPUs until it says no.
    `ask` is the sweep's demand now; `say` is told what a person should read.
    """

    def __init__(self, ask: Callable[[], Demand], say: Callable[[str], None]) -> None:
        self._ask = ask
        self._say = say
        self._began = self._asked = time.monotonic()
        self._keeps_memory = True
        self.grows = grows()
        self._open = self.grows and ask().gpus is None
        self._gpus = 1.0 if self._open else ask().gpus
        if self._open and not any(node.get("GPU", 0) >= 1 for node in resources()):
            say(
                f"waiting up to {GPU_PATIENCE_S / 60:.0f} min for a node with a GPU; "
                "resources.extract.num_gpus and resources.fit.num_gpus: 0 do without"
            )

    @property
    def demand(self) -> Demand:
        """What is left to do, on GPUs if there are any."""
        return replace(self._ask(), gpus=self._gpus)

    def memory(self, shape: WorkerShape) -> int | None:
        """Bytes that Ray keeps for a worker: what it may take, no more than the largest node has."""
        if not self._keeps_memory:
            return None
        if self.grows:  # the largest is not there yet
            return int(shape.own_bytes) or None
        most = max((node.get("memory", 0.0) for node in resources()), default=0.0)
        return int(min(shape.own_bytes, most)) or None

    def given_up(self, slots: Iterable[WorkerSlot], starting: Iterable[WorkerSlot]) -> bool:
        """Whether something that was asked for never comes and is asked no more, so that all must be anew.

        First the memory of workers, which not every description of a node tells; then GPUs, where the
        spec leaves it open whether there are any. PlanError where neither would help.
        """
        now = time.monotonic()
        if not self.grows or now - self._asked < REPORT_S:
            return False
        standing = {slot.shape.lane for slot in slots if slot.node and not slot.gone}
        waiting = Counter(slot.shape.lane for slot in starting)
        gpus_open = self._open and bool(self._gpus) and "gpu" not in standing
        for shape in lane_shapes(self.demand, self._gpus or 0.0):
            wait = 0 if shape.lane in standing else waiting[shape.lane]
            if wait == 0 or denied(shape.num_cpus, shape.num_gpus) < wait:
                continue
            self._asked = now
            if self._keeps_memory and shape.own_bytes:
                self._keeps_memory = False
                self._say(
                    f"no node that may come tells of {shape.own_bytes / 1e9:.1f} GB of memory for a "
                    f"{shape.lane} worker: workers are counted by CPUs alone"
                )
                return True
            if gpus_open and shape.num_gpus:
                self._say("no node that may come has a GPU: units take the CPU")
                self._gpus = 0.0
                return True
            raise no_node_for(shape)
        if gpus_open and now - self._began > GPU_PATIENCE_S:
            self._gpus, self._asked = 0.0, now
            self._say(f"no GPU came in {GPU_PATIENCE_S / 60:.0f} min: units take the CPU")
            return True
        return False
