"""The reference engine: runs a sweep in this process, one unit after another. No ray.

What it leaves in the store is what every other engine must leave, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.schedule.events import Failed, Release, Succeeded, WorkerView
from d2b_ray.schedule.ready import PRIORITY
from d2b_ray.steps.execute import execute
from d2b_ray.steps.worker_cache import WorkerCache

if TYPE_CHECKING:
    from d2b_ray.engine.sweep_run import SweepRun

__all__ = ["run_inline"]


def run_inline(sweep_run: SweepRun) -> None:
    """Run every unit of `sweep_run` that is still wanted; returns when nothing is left to do."""
    control = sweep_run.control
    cache = WorkerCache(sweep_run.settings)
    worker = WorkerView(frozenset(PRIORITY))
    values: dict[str, Any] = {}
    while (key := control.pick(worker)) is not None:
        unit = control.units[key]
        sweep_run.started(key)
        inputs = [values[need] for need in control.inputs(key)]
        value, report = execute(sweep_run.task(key), inputs, cache)
        worker = worker.after(unit)
        if report.failure is None:
            if not unit.durable:
                values[key] = value
            actions = control.handle(Succeeded(key))
        else:
            actions = control.handle(Failed(key, report.failure))
        for action in actions:
            if isinstance(action, Release):
                del values[action.key]
        sweep_run.ended(report, actions)
