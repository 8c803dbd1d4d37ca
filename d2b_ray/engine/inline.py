"""The reference engine: runs a sweep in this process, one unit after another. No ray.

What it leaves in the store is what every other engine must leave, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.engine.events import Failed, Release, Succeeded, WorkerView
from d2b_ray.engine.ready import PRIORITY
from d2b_ray.engine.residents import Residents
from d2b_ray.engine.work import execute

if TYPE_CHECKING:
    from d2b_ray.engine.campaign import Campaign

__all__ = ["run_inline"]


def run_inline(campaign: Campaign) -> None:
    """Run every unit of `campaign` that is still wanted; returns when nothing is left to do."""
    control = campaign.control
    residents = Residents(campaign.place)
    worker = WorkerView(frozenset(PRIORITY))
    values: dict[str, Any] = {}
    while (key := control.pick(worker)) is not None:
        unit = control.units[key]
        campaign.started(key)
        inputs = [values[need] for need in control.inputs(key)]
        value, report = execute(campaign.task(key), inputs, residents)
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
        campaign.ended(report, actions)
