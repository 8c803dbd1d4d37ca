"""The Ray engine: carries out what `control` decides, on the workers of a cluster.

The driver holds references and small reports, never an array. One unit at a time runs on a worker;
a worker that dies is replaced, and `control` hears of it as a failure of its unit.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray import exceptions

from d2b_ray.engine.actors import start_worker
from d2b_ray.engine.events import Failed, Lost, Release, Succeeded, WorkerView
from d2b_ray.engine.lanes import WorkerShape, shape_workers
from d2b_ray.engine.policy import Failure, Fault
from d2b_ray.errors import D2BError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from d2b_ray.engine.campaign import Campaign
    from d2b_ray.engine.events import Action
    from d2b_ray.engine.work import Report

__all__ = ["run_on_ray"]

log = logging.getLogger(__name__)
POLL_S = 1.0  # how often the display moves while nothing ends
LOST = exceptions.ObjectLostError


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
        alive = [n for n in ray.nodes() if n["Alive"]]  # type: ignore[no-untyped-call]
        nodes = [node["Resources"] for node in alive]
        shapes = shape_workers(nodes, campaign.demand)
        campaign.workers(len(shapes), sum(1 for s in shapes if s.num_gpus))
        pool = _Pool(campaign, shapes)
        try:
            pool.run()
        finally:
            pool.close()


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


@dataclass(slots=True)
class _Seat:
    """A place for a worker: its shape, the live handle, and what the worker holds."""

    shape: WorkerShape
    handle: Any
    view: WorkerView


class _Pool:
    def __init__(self, campaign: Campaign, shapes: list[WorkerShape]) -> None:
        self.campaign = campaign
        self.control = campaign.control
        self.place_ref = ray.put(campaign.place)
        self.seats = [self._seat(shape) for shape in shapes]
        self.idle = list(range(len(self.seats)))
        self.running: dict[Any, tuple[int, str, Any]] = {}  # report ref -> seat, key, value ref
        self.values: dict[str, Any] = {}

    def run(self) -> None:
        """Keep every worker busy until nothing is left."""
        while True:
            self._fill()
            if not self.running:
                break
            ready, _ = ray.wait(list(self.running), num_returns=1, timeout=POLL_S)
            for report_ref in ready:
                self._take(report_ref)
            self.campaign.tick()

    def close(self) -> None:
        """End all workers."""
        for seat in self.seats:
            ray.kill(seat.handle)

    def _seat(self, shape: WorkerShape) -> _Seat:
        return _Seat(shape, start_worker(self.place_ref, shape), WorkerView(shape.kinds))

    def _fill(self) -> None:
        still_idle: list[int] = []
        for index in self.idle:
            seat = self.seats[index]
            key = self.control.pick(seat.view)
            if key is None:
                still_idle.append(index)
                continue
            unit = self.control.units[key]
            inputs = [self.values[need] for need in self.control.inputs(key)]
            value_ref, report_ref = seat.handle.run.options(num_returns=2, name=unit.label).remote(
                self.campaign.task(key), *inputs
            )
            self.running[report_ref] = (index, key, value_ref)
            self.campaign.started(key)
        self.idle = still_idle

    def _take(self, report_ref: Any) -> None:
        index, key, value_ref = self.running.pop(report_ref)
        unit = self.control.units[key]
        seat = self.seats[index]
        try:
            report: Report = ray.get(report_ref)
        except exceptions.RayError as error:
            self._broken(index, key, error)
            return
        self.idle.append(index)
        seat.view = seat.view.after(unit)
        if report.failure is None:
            if not unit.durable:
                self.values[key] = value_ref
            actions = self.control.handle(Succeeded(key))
        else:
            actions = self.control.handle(Failed(key, report.failure))
        self._act(actions)
        self.campaign.ended(report, actions)

    def _broken(self, index: int, key: str, error: exceptions.RayError) -> None:
        fault = _fault_of(error)
        log.info("%s: %s (%s)", self.control.units[key].label, fault, type(error).__name__)
        failure = Failure(fault, type(error).__name__, str(error).splitlines()[0], str(error))
        inputs = self.control.inputs(key)
        actions = self.control.handle(Failed(key, failure))
        if fault == "value_lost":
            for need in inputs:
                self.values.pop(need, None)
            actions += self.control.handle(Lost(inputs))
        else:
            seat = self.seats[index]
            ray.kill(seat.handle)
            self.seats[index] = self._seat(seat.shape)
        self.idle.append(index)
        self._act(actions)
        self.campaign.broke(key, failure, actions)

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Release):
                self.values.pop(action.key, None)


def _fault_of(error: BaseException) -> Fault:
    """The row of the policy table for what Ray reports of a try that sent no report."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, LOST):
            return "value_lost"
        if isinstance(seen, exceptions.OutOfMemoryError):
            return "out_of_memory"
        if isinstance(seen, D2BError):
            return "error"
        seen = getattr(seen, "cause", None) or seen.__cause__
    if isinstance(error, exceptions.RayTaskError):
        return "error"
    return "worker_died"
