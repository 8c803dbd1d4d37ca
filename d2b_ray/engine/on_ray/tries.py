"""One try of a unit on a slot: what is known of it while it runs, how it ended, what it is called."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray import exceptions

from d2b_ray.engine.on_ray.workers import fault_of
from d2b_ray.schedule.policy import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from d2b_ray.engine.on_ray.workers import WorkerSlot
    from d2b_ray.plan import Unit
    from d2b_ray.schedule.events import EndWorker
    from d2b_ray.steps.task import Report

__all__ = ["RunningUnit", "ended_as_unfit", "nobody_for", "nobody_yet", "outcome", "shown_name"]


@dataclass(slots=True)
class RunningUnit:
    """A unit that runs: on which slot, its value to be (its parts), and since when; None while it waits."""

    slot: WorkerSlot
    key: str
    value_refs: list[Any]
    began: float | None


def outcome(reference: Any, slot: WorkerSlot) -> Report | Failure:
    """The report of a try, or what befell it on its slot."""
    try:
        report: Report = ray.get(reference)
    except exceptions.RayError as error:
        fault = fault_of(error)
        if fault == "worker_died" and slot.left:
            fault = "preempted"
        text = str(error)
        return Failure(fault, type(error).__name__, text.splitlines()[0] if text else "", text)
    return report


def nobody_for(left: Mapping[str, int]) -> str:
    """Why a run ends although units, by kind, are left."""
    words = ", ".join(f"{n} {kind}" for kind, n in left.items())
    return f"no worker of the cluster may run what is left ({words})"


def nobody_yet(waited_s: float, slots: Iterable[WorkerSlot]) -> str:
    """What a person is told who waits for workers: of which lanes are those that do not stand yet."""
    lanes = sorted(Counter(slot.shape.lane for slot in slots).items())
    missing = " and ".join(f"{count} {lane}" for lane, count in lanes)
    if not missing:
        return f"nothing has run for {waited_s:.0f} s: workers did not start, and are tried again"
    return (
        f"nothing has run for {waited_s:.0f} s: waiting for {missing} worker(s); the cluster has no room for "
        "them yet, or they start slowly"
    )


def ended_as_unfit(slot: WorkerSlot, action: EndWorker) -> str:
    """Why a worker is ended."""
    return (
        f"{slot.shape.lane} worker {slot.number} on {action.host.split()[0]} failed units that succeed "
        "elsewhere: " + ("nothing more for it" if action.shun else "started anew")
    )


def shown_name(unit: Unit) -> str:
    """Name on the dashboard: few in number, for Ray keeps a series of metrics for every name."""
    model = (unit.model or "").rpartition("/")[2]
    return " ".join(filter(None, (unit.kind, unit.subject, model)))
