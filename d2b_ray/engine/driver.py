"""The Ray engine: carries out what `control` decides, on the workers of a cluster.

The driver holds references and small reports, never an array. One unit at a time runs on a worker,
and behind a short one the next waits there already, so that no worker waits for an answer. A worker
that dies is replaced, and `control` hears of it as a failure of the unit that ran.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray import exceptions
from ray.util import metrics

from d2b_ray.engine.actors import Crew, Seat, fault_of
from d2b_ray.engine.events import Failed, Lost, Release, Succeeded
from d2b_ray.engine.meters import Meters
from d2b_ray.engine.policy import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from d2b_ray.engine.campaign import Campaign
    from d2b_ray.engine.events import Action
    from d2b_ray.engine.work import Report
    from d2b_ray.plan import Unit

__all__ = ["run_on_ray"]

log = logging.getLogger(__name__)
POLL_S = 1.0  # how often the display moves while nothing ends
FEW = 16  # references that are looked at one after another
SHORT_S = 0.2  # the mean of a kind of unit behind which another may wait
MOST_AHEAD = 64  # workers that are looked through for one that may have another
NOTE_S = 60.0  # how often the log says how full memory is, and a person that workers are missing


def run_on_ray(
    campaign: Campaign,
    *,
    address: str | None,
    num_cpus: int | None = None,
    num_gpus: int | None = None,
) -> None:
    """Run every unit of `campaign` that is still wanted on a cluster.

    `address` of a running cluster; None joins the one of a submitted job, else starts a cluster of
    this machine (with `num_cpus`, `num_gpus` logical resources if given) that ends with the call.
    """
    with _cluster(address, num_cpus, num_gpus):
        campaign.control.capacity_bytes = _object_store_bytes()
        crew = Crew(campaign.place, campaign.demand)
        gpus = sum(1 for seat in crew.seats if seat.shape.num_gpus)
        campaign.workers(len(crew.seats), gpus)
        try:
            _Loop(campaign, crew).run()
        finally:
            crew.close()


@contextmanager
def _cluster(address: str | None, num_cpus: int | None, num_gpus: int | None) -> Iterator[None]:
    if ray.is_initialized():  # a caller's own cluster: used as it is and left running
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address or os.environ.get("RAY_ADDRESS"):
        ray.init(address=address, **quiet)
    else:
        ray.init(num_cpus=num_cpus, num_gpus=num_gpus, include_dashboard=False, **quiet)
    try:
        yield
    finally:
        ray.shutdown()


def _object_store_bytes() -> float:
    return float(ray.cluster_resources().get("object_store_memory", 0))  # type: ignore[no-untyped-call]


@dataclass(slots=True)
class _Try:
    """A unit that runs: on which seat, its value to be, and since when; None while it waits there."""

    seat: Seat
    key: str
    value_ref: Any
    began: float | None


class _Loop:
    def __init__(self, campaign: Campaign, crew: Crew) -> None:
        self.campaign = campaign
        self.control = campaign.control
        self.crew = crew
        self.idle: dict[int, Seat] = {}
        self.running: dict[Any, _Try] = {}  # by the report that will come
        self.behind: dict[int, Any] = {}  # by seat: of these, the one that waits behind another
        self.values: dict[str, Any] = {}
        self.meters = Meters(metrics, campaign.sweep.name)
        self._noted = self._looked = time.monotonic()
        self._last_worker = time.monotonic()

    def run(self) -> None:
        """Keep every worker busy until nothing is left."""
        while True:
            self._fill()
            if not self.running and self._nothing_left():
                break
            waited = [*self.running, *self.crew.starting]
            ready, rest = ray.wait(waited, num_returns=1, timeout=POLL_S, fetch_local=False)
            if ready and len(rest) > FEW:  # all that is there: a look at many references is dear
                more, _ = ray.wait(rest, num_returns=len(rest), timeout=0, fetch_local=False)
                ready += more
            for reference in ready:
                if reference in self.running:
                    self._take(reference)
                elif reference in self.crew.starting:
                    self._seated(reference)
            self._watch()

    def _nothing_left(self) -> bool:
        """Whether no unit will ever run again; lets units go back to where they timed out first."""
        if self.control.stopped or self.control.finished:
            return True
        if self.crew.starting and not self.idle:
            return False
        self.control.forgive()
        self._fill()
        return not self.running and not self.crew.starting

    def _seated(self, answer: Any) -> None:
        seat = self.crew.answered(answer)
        if seat is not None:
            self.idle[seat.number] = seat

    def _fill(self) -> None:
        nothing_for: set[frozenset[str]] = set()  # lanes: what one worker finds no other need ask
        for number, seat in list(self.idle.items()):
            if seat.view.kinds in nothing_for:
                continue
            key = self.control.pick(seat.view)
            if key is None:
                if not self.control.shuns:
                    nothing_for.add(seat.view.kinds)
                continue
            del self.idle[number]
            self._send(seat, key, time.monotonic())
        for this in list(self.running.values())[:MOST_AHEAD]:
            if this.began is None or this.seat.number in self.behind or this.seat.left:
                continue
            unit, view = self.control.units[this.key], this.seat.view
            if view.kinds in nothing_for or self.campaign.pace.mean(unit.kind) > SHORT_S:
                continue
            key = self.control.pick(view.after(unit))
            if key is None:
                nothing_for.add(view.kinds)
            else:
                self.behind[this.seat.number] = self._send(this.seat, key, None)

    def _send(self, seat: Seat, key: str, began: float | None) -> Any:
        unit = self.control.units[key]
        inputs = [self.values[need] for need in self.control.inputs(key)]
        run = seat.handle.run.options(num_returns=2, name=_shown(unit))
        value_ref, report_ref = run.remote(self.campaign.task(key), *inputs)
        self.running[report_ref] = _Try(seat, key, value_ref, began)
        self.campaign.started(key)
        return report_ref

    def _take(self, reference: Any) -> None:
        this = self.running[reference]
        seat, key = this.seat, this.key
        report = _outcome(reference, seat)
        if this.began is None and not (
            isinstance(report, Failure) and report.fault == "value_lost"
        ):
            # its worker has come to it, or is gone: what went before it tells
            self._take(next(r for r, t in self.running.items() if t.seat is seat and t.began))
        if self.running.pop(reference, None) is None:
            return  # it never began, and was put back
        if isinstance(report, Failure):
            self._broken(this, report)
            return
        unit = self.control.units[key]
        seat.view = seat.view.after(unit)
        self._free(seat)
        if report.failure is None:
            if not unit.durable:
                self.values[key] = this.value_ref
            actions = self.control.handle(Succeeded(key))
        else:
            actions = self.control.handle(Failed(key, report.failure, seat.view.host))
        self._act(actions)
        self._fill()  # the worker first, then the books
        self.meters.ended(unit.kind, report)
        self.campaign.ended(report, actions)

    def _broken(self, this: _Try, failure: Failure) -> None:
        key, seat = this.key, this.seat
        log.info("%s: %s (%s)", self.control.units[key].label, failure.fault, failure.error)
        inputs = self.control.inputs(key)
        actions = self.control.handle(Failed(key, failure, seat.view.host))
        if failure.fault == "value_lost":
            for need in inputs:
                self.values.pop(need, None)
            actions += self.control.handle(Lost(inputs))
            if this.began is None:  # it ended before its turn
                self.behind.pop(seat.number, None)
            else:
                self._free(seat)
        else:
            follows = self.behind.pop(seat.number, None)
            if follows is not None:  # it never began
                self.control.put_back(self.running.pop(follows).key)
            self.crew.fill(seat)
        self._act(actions)
        self.meters.broke(self.control.units[key].kind, failure.fault)
        self.campaign.broke(key, failure, actions)

    def _free(self, seat: Seat) -> None:
        """A worker has ended its unit: the one that waits there begins, or it is idle, or given up."""
        follows = self.behind.pop(seat.number, None)
        if follows is not None:
            self.running[follows].began = time.monotonic()
        elif seat.left:
            self.crew.fill(seat)
        else:
            self.idle[seat.number] = seat

    def _watch(self) -> None:
        """What no report tells: units that hang, nodes that leave, workers that are missing."""
        now = time.monotonic()
        for reference, this in list(self.running.items()):
            if this.began is not None and now - this.began > self.campaign.timeout_s:
                del self.running[reference]
                message = f"took longer than resources.timeout_s = {self.campaign.timeout_s:g} s"
                self._broken(this, Failure("timeout", "Timeout", message))
        for seat in self.crew.look():
            self.campaign.said(f"node {seat.node[:8]} will end: no more units for its workers")
            if self.idle.pop(seat.number, None):
                self.crew.fill(seat)
        if self.running:
            self._last_worker = now
        if now - self._noted > NOTE_S:
            self._noted = now
            left = ray.available_resources().get("object_store_memory", 0)  # type: ignore[no-untyped-call]
            whole = self.control.capacity_bytes
            log.info(
                "values %.2f GB (estimated), object store %.2f of %.2f GB, %d units run, %d workers idle",
                self.control.room.held_bytes / 1e9,
                (whole - left) / 1e9,
                whole / 1e9,
                len(self.running),
                len(self.idle),
            )
            if now - self._last_worker > NOTE_S:
                self.campaign.said(
                    f"no worker for {now - self._last_worker:.0f} s: the cluster has no room for "
                    f"{len(self.crew.starting)} of them; waiting for nodes"
                )
        if now - self._looked > POLL_S or self.control.finished:
            self._looked = now
            self.meters.left(self.control)
            self.campaign.tick()

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Release):
                self.values.pop(action.key, None)


def _outcome(reference: Any, seat: Seat) -> Report | Failure:
    """The report of a try, or what befell it on its seat."""
    try:
        report: Report = ray.get(reference)
    except exceptions.RayError as error:
        fault = fault_of(error)
        if fault == "worker_died" and seat.left:
            fault = "preempted"
        text = str(error)
        return Failure(fault, type(error).__name__, text.splitlines()[0] if text else "", text)
    return report


def _shown(unit: Unit) -> str:
    """Name on the dashboard: few in number, for Ray keeps a series of metrics for every name."""
    model = (unit.model or "").rpartition("/")[2]
    return " ".join(filter(None, (unit.kind, unit.subject, model)))
