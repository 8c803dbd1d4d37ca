"""The cluster of a run: one that is there, or one of this machine that ends with the run."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ray

from d2b_ray.steps.device import LOGICAL_GPUS, sees_gpu

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["joined", "object_store_bytes"]


@contextmanager
def joined(
    address: str | None, num_cpus: int | None, num_gpus: int | None, say: Callable[[str], None]
) -> Iterator[None]:
    """Within it, Ray is connected. `address` None: a submitted job's cluster, else this machine's own.

    `num_cpus`, `num_gpus` are logical resources of a cluster of this machine; `say` tells a person.
    """
    if ray.is_initialized():  # a caller's own cluster: used as it is and left running
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address or os.environ.get("RAY_ADDRESS"):
        ray.init(address=address, **quiet)
    else:
        if num_gpus and not sees_gpu():
            os.environ[LOGICAL_GPUS] = "1"  # as the caller says, who knows this machine
            say("torch sees no GPU here: units of GPU workers take the CPU")
        ray.init(num_cpus=num_cpus, num_gpus=num_gpus, include_dashboard=False, **quiet)
    try:
        yield
    finally:
        ray.shutdown()


def object_store_bytes() -> float:
    """Room for values on all nodes that are alive."""
    return float(ray.cluster_resources().get("object_store_memory", 0))
