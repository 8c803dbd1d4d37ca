"""Running one unit, the same way in every engine: limits threads, times it, turns errors into data.

`execute` never raises for what a unit did: a failed unit is a result. It knows no ray; an actor
is a shell around it.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
from typing import TYPE_CHECKING, Any

from d2b_ray.arrays import Fit
from d2b_ray.errors import LeaseError, StoreError
from d2b_ray.schedule.policy import Failure, Fault
from d2b_ray.steps.device import is_device_error
from d2b_ray.steps.task import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache

__all__ = ["execute"]

log = logging.getLogger(__name__)


def before_unit(task: Task) -> None:
    """Nothing. Fault drills put themselves in its place; no variable and no option does."""


def execute(task: Task, values: Sequence[Any], cache: WorkerCache) -> tuple[Any, Report]:
    """Run `task` on the values of its needs; returns its value (None if durable) and a report."""
    from d2b_ray.steps.device import gpu_peak_bytes, resolve_device
    from d2b_ray.steps.table import STEPS
    from d2b_ray.steps.threads import limited_threads

    started = time.time()
    clock = time.perf_counter()
    device = resolve_device(cache.settings.device)
    value, failure = None, None
    try:
        before_unit(task)
        with limited_threads(cache.settings.threads.of(task.unit.kind)):
            value = STEPS[task.unit.kind](task, values, cache, device)
    except Exception as error:
        log.debug("%s failed", task.unit.label, exc_info=True)
        if fault_of(error) == "out_of_memory":
            cache.release_device()
        failure = Failure(
            fault=fault_of(error),
            error=type(error).__name__,
            message=str(error),
            traceback=traceback.format_exc(),
        )
    report = Report(
        key=task.unit.key,
        started=started,
        seconds=time.perf_counter() - clock,
        host=socket.gethostname(),
        device=device,
        attempt=task.attempt,
        failure=failure,
        process=os.getpid(),
        gpu_peak_bytes=gpu_peak_bytes(device),
        value_bytes=value.nbytes if isinstance(value, Fit) else 0,
    )
    return value, report


def fault_of(error: BaseException) -> Fault:
    """The row of the policy table that an exception belongs to."""
    if isinstance(error, LeaseError):
        return "lease"
    if isinstance(error, StoreError):
        return "store"
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "out_of_memory"
    if is_device_error(error):
        return "device"
    return "error"
