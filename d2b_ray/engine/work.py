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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from d2b_ray.engine.policy import Failure, Fault
from d2b_ray.errors import LeaseError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.engine.residents import Residents
    from d2b_ray.plan import Unit

__all__ = ["Report", "Task", "execute"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """A unit with what this try needs to know.

    `roots` store URL of each feature key that the unit reads; `fingerprints` of the unit's inputs
    by name, and their digest `inputs`; `layers` still to be extracted.
    """

    unit: Unit
    attempt: int = 1
    memory_factor: float = 1.0
    roots: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    inputs: str = ""
    layers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What the driver learns of a finished try: small, whatever the unit computed."""

    key: str
    started: float  # Unix time, s
    seconds: float
    host: str
    device: str
    attempt: int
    failure: Failure | None = None
    process: int = 0
    gpu_peak_bytes: int = 0


def execute(task: Task, values: Sequence[Any], residents: Residents) -> tuple[Any, Report]:
    """Run `task` on the values of its needs; returns its value (None if durable) and a report."""
    from d2b_ray.engine.device import gpu_peak_bytes, resolve_device
    from d2b_ray.engine.rehearsal import rehearse
    from d2b_ray.engine.steps import STEPS
    from d2b_ray.engine.threads import limited_threads

    started = time.time()
    clock = time.perf_counter()
    device = resolve_device(residents.place.device)
    value, failure = None, None
    try:
        rehearse(task)
        with limited_threads(residents.place.threads.of(task.unit.kind)):
            value = STEPS[task.unit.kind](task, values, residents, device)
    except Exception as error:
        log.debug("%s failed", task.unit.label, exc_info=True)
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
    return "error"
