"""The remote worker: a shell that holds `Residents` and calls `work.execute`. Nothing is decided here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import ray

from d2b_ray.engine.device import DEVICE_VARIABLE

if TYPE_CHECKING:
    from d2b_ray.engine.lanes import WorkerShape
    from d2b_ray.engine.place import Place

__all__ = ["Worker", "start_worker"]


class Worker:
    """One process of the cluster that runs units one after another."""

    def __init__(self, place: Place) -> None:
        from d2b_ray.engine.residents import Residents

        # On a GPU node a worker without a GPU still sees all of them: only the assignment counts.
        assigned = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
        os.environ[DEVICE_VARIABLE] = "cuda" if assigned else "cpu"
        self._residents = Residents(place)

    def run(self, task: Any, *values: Any) -> tuple[Any, Any]:
        """Run one unit; the value stays in the object store, the report goes to the driver."""
        from d2b_ray.engine.work import execute

        return execute(task, values, self._residents)


def start_worker(place_ref: Any, shape: WorkerShape) -> Any:
    """A handle to a new worker of this shape. It never restarts by itself: the driver replaces it."""
    return (
        ray.remote(Worker)
        .options(
            num_cpus=shape.num_cpus,
            num_gpus=shape.num_gpus,
            max_restarts=0,
            max_task_retries=0,
            name=None,
        )
        .remote(place_ref)
    )
