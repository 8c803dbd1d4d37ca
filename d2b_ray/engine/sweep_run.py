"""One run of one sweep: what stands between `control`, the store and whoever watches.

Opens the ledger, tells what is done, stale or failed, makes tasks for the engines, and stores
failures. Both engines drive the same object; nothing here knows which.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from d2b_ray.engine.readers import readers_of
from d2b_ray.errors import StoreError
from d2b_ray.plan import KINDS, feature_key, long_fits, value_bytes
from d2b_ray.plan.memory import own_bytes
from d2b_ray.schedule.control import Control
from d2b_ray.schedule.events import GiveUp, Skip, Stop
from d2b_ray.schedule.lanes import Demand
from d2b_ray.schedule.throughput import Throughput
from d2b_ray.steps.task import Task
from d2b_ray.store import Ledger, digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.engine.trace import Trace
    from d2b_ray.plan import Plan, Unit, World
    from d2b_ray.schedule.events import Action
    from d2b_ray.schedule.policy import Failure
    from d2b_ray.spec import Sweep
    from d2b_ray.spec.sweep import ExtractResources, FitResources, PermuteResources, ResourcesBlock
    from d2b_ray.steps.run_settings import RunSettings
    from d2b_ray.steps.task import Readers, Report
    from d2b_ray.store import Lease, Store
    from d2b_ray.survey.state import StoreState

__all__ = ["Observer", "SweepRun"]

log = logging.getLogger(__name__)
SHOWN = 20  # labels that progress names


class Observer(Protocol):
    """Whoever watches a run: a progress display, a log, nobody."""

    def progressed(self, sweep_run: SweepRun) -> None:
        """Something changed, or a second went by."""

    def message(self, line: str) -> None:
        """A line a person should read."""


class SweepRun:
    """The run of a sweep. `control` decides, an engine acts, `observer` watches."""

    def __init__(
        self,
        sweep: Sweep,
        world: World,
        plan: Plan,
        state: StoreState,
        store: Store,
        settings: RunSettings,
        observer: Observer,
        *,
        retry_failed: bool = False,
    ) -> None:
        self.sweep = sweep
        self.world = world
        self.plan = plan
        self.state = state
        self.store = store
        self.settings = settings
        self.observer = observer
        self.control = Control(
            plan.units,
            done=state.done,
            failed=() if retry_failed else state.failed,
            value_bytes=value_bytes(plan, world.sizes, keep_coef="coef" in sweep.output.save),
            long=long_fits(plan, world.sizes),
        )
        self.trace: Trace | None = None
        self._lease: Lease | None = None
        self.throughput = Throughput(time.monotonic)
        self.failures: dict[str, Failure] = {}
        self._labels = {unit.key: unit.label for unit in plan}

    def hold(self, lease: Lease) -> None:
        """From now on write under this lease, here and in every worker."""
        self._lease = lease
        lease.tell(self.progress)
        self.store = self.store.fenced(lease.fence)
        self.settings = replace(self.settings, fence=lease.fence)

    @property
    def finished_keys(self) -> set[str]:
        """Keys of finished units and of finished layers."""
        keys = set(self.state.done)
        for unit in self.plan.of("extract"):
            missing = self.state.missing_layers[unit.key]
            keys |= {feature_key(unit.params, n) for n in unit.layers if n not in missing}
        return keys

    @property
    def timeout_s(self) -> float:
        """How long a unit may take."""
        return float(self.sweep.resources.timeout_s)

    @property
    def demand(self) -> Demand:
        """What the spec asks of a cluster, for the units that are left now."""
        wanted = self.sweep.resources
        gpus = [g for g in (wanted.extract.num_gpus, wanted.fit.num_gpus) if g is not None]
        return Demand(
            gpu_lane_cpus=max(wanted.extract.num_cpus, wanted.fit.num_cpus),
            cpu_lane_cpus=wanted.permute.num_cpus,
            gpus=max(gpus) if gpus else None,
            left=self.control.left(),
            own_bytes=self._own_bytes,
            at_most=_at_most(wanted),
        )

    @cached_property
    def _own_bytes(self) -> Mapping[str, int]:
        settings = self.settings
        return own_bytes(
            self.plan, self.world.sizes, settings.memory_budget_bytes, settings.threads.fit
        )

    def task(self, key: str) -> Task:
        """The unit with what its next try needs to know."""
        unit = self.control.units[key]
        fingerprints = dict(self.plan.inputs.get(key, {}))
        if unit.kind == "extract":
            layer = self.state.missing_layers[key][0]
            fingerprints = dict(self.world.features[feature_key(unit.params, layer)].inputs)
        return Task(
            unit=unit,
            attempt=self.control.tries.started(key),
            memory_factor=self.control.tries.memory_factor(key),
            roots=self._roots(unit),
            fingerprints=fingerprints,
            inputs=digest(fingerprints),
            layers=self.state.missing_layers.get(key, unit.layers),
            readers=self.readers.get(key),
        )

    @cached_property
    def readers(self) -> Mapping[str, Readers]:
        """Who reads what a fit predicts, by its key."""
        unneeded = {key for key, state in self.control.state.items() if state == "unneeded"}
        return readers_of(self.plan, unneeded)

    def left_to_do(self) -> str:
        """One line: units to run by kind, and what is done already."""
        counts = self.control.counts()
        left = {kind: counts[kind, "ready"] + counts[kind, "waiting"] for kind in KINDS}
        words = ", ".join(f"{n} {kind}" for kind, n in left.items() if n)
        done = len(self.state.done)
        line = f"{self.sweep.name}: {words} to do" + (f"; {done} already done" if done else "")
        kept = sum(unit.kept > 0 for unit in self.plan.of("commit"))
        return line + (f"; {kept} fits keep permutations that are counted" if kept else "")

    def progress(self) -> dict[str, Any]:
        """How far the run is, as `status` shows it to others: units by kind and state, rate, failures."""
        return {
            **self.throughput.so_far(self.control),
            "running": [self._labels[key] for key in self.control.running()][:SHOWN],
            "failed": [self._labels[key] for key in self.failures][:SHOWN],
        }

    def rate(self) -> float:
        """Units ended per second since the start."""
        return self.throughput.rate()

    def seconds_left(self) -> float | None:
        """How long the rest will take at the throughput so far; None if unknown."""
        return self.throughput.seconds_left(self.control)

    @property
    def unmade_features(self) -> bool:
        """Whether features are still to be made: units failed, or the run was stopped."""
        states = (self.control.state[unit.key] for unit in self.plan.of("extract"))
        return any(state != "done" for state in states)

    @property
    def executed(self) -> dict[str, int]:
        """Units that this run has ended, by kind."""
        return self.throughput.executed

    def failed_labels(self) -> dict[str, str]:
        """Label and message of every unit that failed, in this run or in an earlier one."""
        found = {self._labels[k]: f"{f.error}: {f.message}" for k, f in self.failures.items()}
        for key, state in self.control.state.items():
            if state == "failed" and key not in self.failures:
                found[self._labels[key]] = "failed in an earlier run; --retry-failed tries it again"
        return found

    def _roots(self, unit: Unit) -> dict[str, str]:
        if unit.kind != "design":
            return {}
        keys = [feature_key(s["feature"], s["layer"]) for s in unit.params["spaces"]]
        return {key: self.world.features[key].root for key in keys}

    def workers(self, count: int, gpus: int, *, asked: bool = False) -> None:
        """A cluster stands ready; or so many workers are `asked` of it, and more as they come."""
        self.throughput.workers, self.throughput.gpus = max(1, count), gpus
        of_these = f", {gpus} with a GPU" if gpus else ""
        grows = "the cluster grows as work needs it: first " if asked else ""
        self.observer.message(f"{grows}{count} worker{'s' * (count > 1)}{of_these}")

    def message(self, line: str) -> None:
        """A line of the engine that a person should read."""
        log.info("%s", line)
        self.observer.message(line)

    def started(self, key: str) -> None:
        """A try has begun."""
        log.debug("start %s", self._labels[key])
        self.observer.progressed(self)

    def ended(self, report: Report, actions: list[Action]) -> None:
        """A try has ended and sent its report."""
        kind = self.control.units[report.key].kind
        if report.failure is None:
            self.throughput.ended(kind, report.seconds)
            if report.key in self.state.failed:
                Ledger.clear_failure(self.store, report.key)
            gpu = f", {report.gpu_peak_bytes / 1e9:.1f} GB of GPU" if report.gpu_peak_bytes else ""
            label, where = self._labels[report.key], report.host + gpu
            log.info("done %s in %.2f s on %s", label, report.seconds, where)
        elif not any(isinstance(action, GiveUp | Stop) for action in actions):
            self.message(
                f"{self._labels[report.key]}: {report.failure.error} on {report.host}; trying again"
            )
        if self.trace is not None:
            self.trace.add(self.control.units[report.key], report)
        self._carry_out(actions)
        self.observer.progressed(self)

    def broke(self, key: str, failure: Failure, actions: list[Action]) -> None:
        """A try has ended without a report: its worker or an input is gone."""
        if not any(isinstance(action, GiveUp) for action in actions):
            self.observer.message(
                f"{self._labels[key]}: {failure.fault.replace('_', ' ')}; trying again"
            )
        self._carry_out(actions)
        self.observer.progressed(self)

    def tick(self) -> None:
        """A second went by. LeaseError if the output root was lost in the meantime."""
        if self._lease is not None and self._lease.lost is not None:
            raise self._lease.lost
        self.observer.progressed(self)

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, GiveUp):
                self.failures[action.key] = action.failure
                self._store_failure(action)
            elif isinstance(action, Stop):
                label = self._labels[action.key]
                self.observer.message(f"STOPPED at {label}: {action.failure.message}")
            elif isinstance(action, Skip):
                self.observer.message(
                    f"{len(action.keys)} units skipped because {self._labels[action.because]} failed"
                )

    def _store_failure(self, action: GiveUp) -> None:
        failure = action.failure
        unit = self.control.units[action.key]
        line = failure.message.splitlines()[0] if failure.message else failure.error
        self.observer.message(f"FAILED {unit.label}: {failure.error}: {line}")
        try:
            Ledger.write_failure(
                self.store,
                key=action.key,
                kind=unit.kind,
                label=unit.label,
                error=failure.error,
                message=failure.message,
                traceback=failure.traceback,
                attempts=action.attempts,
            )
        except StoreError as error:  # then nothing else can be written either
            self.control.stopped = replace(failure, fault="store", message=str(error))
            self.observer.message(f"STOPPED: {error}")


def _at_most(resources: ResourcesBlock) -> dict[str, int]:
    """The most workers for units of a kind, where the spec names a number."""
    named: dict[str, ExtractResources | FitResources | PermuteResources] = {
        "shard": resources.extract, "extract": resources.extract, "factorize": resources.fit,
        "fit": resources.fit, "null": resources.permute, "bootstrap": resources.permute,
    }  # fmt: skip
    return {kind: block.workers for kind, block in named.items() if block.workers is not None}
