"""From a sweep to a finished run: resolve addresses, survey, compare with the store, run, sum up.

The only entrance to the engine for the command line and for notebooks. Ray is imported here only
when something is left to do and the Ray engine is asked for.
"""

from __future__ import annotations

import logging
import platform
import re
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from d2b_ray.engine.addresses import address_of, base_folder, check_apart, model_places
from d2b_ray.engine.code import check_code, code_digest, code_now, plug_ins
from d2b_ray.engine.on_ray.environment import set_ray_environment
from d2b_ray.engine.on_ray.reaching import given_address
from d2b_ray.engine.run_log import RunLog
from d2b_ray.engine.space import check_space
from d2b_ray.engine.sweep_run import Observer, SweepRun
from d2b_ray.engine.trace import Trace
from d2b_ray.errors import LeaseError, SpecError
from d2b_ray.plan import make_plan
from d2b_ray.spec import to_yaml
from d2b_ray.steps.recording import versions
from d2b_ray.steps.run_settings import RunSettings, Threads
from d2b_ray.store import Layout, Lease, Ledger, Store, holder
from d2b_ray.store.text_rows import forget_texts
from d2b_ray.survey.counts import kept_counts
from d2b_ray.survey.damage import damaged_layers, damaged_results
from d2b_ray.survey.look import choices_of, survey
from d2b_ray.survey.state import store_state

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from d2b_ray.spec import Sweep

__all__ = [
    "EngineName",
    "Prepared",
    "Summary",
    "prepare",
    "run_sweep",
]

log = logging.getLogger(__name__)
EngineName: TypeAlias = Literal["ray", "inline"]


@dataclass(frozen=True, slots=True)
class Summary:
    """How a run ended. `executed` units by kind; `failed` label -> message; `skipped` units.

    `stopped` says why no unit was begun any more, if the sweep had to stop before its end.
    """

    results: str
    executed: dict[str, int]
    failed: dict[str, str]
    skipped: int
    seconds: float
    log: str | None = None
    stopped: str | None = None

    @property
    def ok(self) -> bool:
        """Nothing failed, nothing was skipped, and the sweep was not stopped."""
        return not self.failed and not self.skipped and self.stopped is None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sweep with its sweep_run, ready to run."""

    sweep_run: SweepRun
    store: Store


def prepare(sweep: Sweep, observer: Observer, *, retry_failed: bool = False) -> Prepared:
    """Survey the data set and the store; everything that can be wrong with a spec is found here."""
    results = address_of(sweep.output.root)
    features = address_of(sweep.output.features) if sweep.output.features else results
    dataset_root = address_of(sweep.dataset.root)
    check_apart(results, dataset_root)
    store = Store(results)
    ledger = Ledger.read(store)
    ledger.mark_damaged(damaged_results(store, ledger))
    made = Store(features)
    look = (sweep, dataset_root, made, base_folder(), ledger, store.url, observer.message)
    world = survey(*look)
    plan = make_plan(sweep, world)
    state = store_state(plan, world, ledger)
    readers = plan.of("commit") or plan.of("extract")
    wanted_features = any(unit.key not in state.done for unit in readers)
    if wanted_features and (lost := damaged_layers(made, ledger)):
        ledger.mark_damaged(lost)  # features that nothing reads any more may be removed by hand
        world = survey(*look)
        plan = make_plan(sweep, world)
        state = store_state(plan, world, ledger)
    if counts := kept_counts(plan, state, ledger):
        plan = make_plan(sweep, replace(world, counts=counts))
    wanted = sweep.resources
    extracts = any(unit.key not in state.done for unit in plan.of("extract"))
    settings = RunSettings(
        sweep=sweep.name,
        layout=sweep.dataset.layout,
        dataset_root=dataset_root,
        results=store.url,
        features=Store(features).url,
        split=sweep.dataset.split,
        choices=choices_of(sweep.dataset),
        treatment=sweep.dataset.responses.as_plain(sweep.dataset.layout),
        bad_voxels=sweep.dataset.bad_voxels,
        keep_coef="coef" in sweep.output.save,
        reader=code_now(plug_ins(sweep))["digest"],
        responses=world.responses,
        responses_folder=wanted.responses.folder,
        responses_bytes=wanted.responses.bytes,
        base=base_folder(),
        models=model_places(sweep) if extracts else (),
        batch_tokens=wanted.extract.batch_tokens,
        memory_budget_bytes=wanted.fit.memory_budget_mb * 10**6,
        nulls_on_gpu=wanted.permute.num_gpus != 0,
        threads=Threads(
            extract=max(1, int(wanted.extract.num_cpus)),
            fit=max(1, int(wanted.fit.num_cpus)),
            permute=max(1, int(wanted.permute.num_cpus)),
        ),
        commit=code_now()["commit"],
        code=code_digest(),
    )
    sweep_run = SweepRun(
        sweep, world, plan, state, store, settings, observer, retry_failed=retry_failed
    )
    return Prepared(sweep_run, store)


def run_sweep(
    sweep: Sweep,
    observer: Observer,
    *,
    engine: EngineName = "ray",
    address: str | None = None,
    retry_failed: bool = False,
    num_cpus: int | None = None,
    num_gpus: int | None = None,
    accept_code_change: bool = False,
    trace: Path | None = None,
    ignore_space: bool = False,
) -> Summary:
    """Run what is left of `sweep`; returns how it ended. Starts no engine when nothing is left.

    `address` is that of a running Ray cluster; None: RAY_ADDRESS, as in a job, else this machine.
    `trace` is a file for the times of all units; `ignore_space` begins although the disk is too small.
    Raises ClusterError where that cluster is not there, LeaseError when another run writes to the output
    root, SpecError when its results were begun with other code, or more would be written than there is
    room for.
    """
    began = time.monotonic()
    if trace is not None and not trace.absolute().parent.is_dir():
        raise SpecError(f"--trace: there is no folder {trace.absolute().parent}; make it first")
    before = holder(Store(address_of(sweep.output.root)))
    prepared = prepare(sweep, observer, retry_failed=retry_failed)
    sweep_run, store = prepared.sweep_run, prepared.store
    for reason in sweep_run.state.stale.values():
        observer.message(f"stale {reason}; doing it again")
    run_log: str | None = None
    if not sweep_run.control.finished:
        check_code(store, code_now(plug_ins(sweep)), accept=accept_code_change)
        if not ignore_space:
            check_space(sweep_run)
        with (
            _cluster(engine, address),
            Lease(store, sweep.name, observer.message) as lease,
        ):
            if lease.before is not None and (before != lease.before or not before.ended):
                # what another run has finished since this one looked is not done again
                sweep_run = prepare(sweep, observer, retry_failed=retry_failed).sweep_run
            sweep_run.hold(lease)
            if lease.before is not None and not lease.before.ended:
                sweep_run.store.remove_leftovers()
            sweep_run.trace = Trace() if trace else None
            with RunLog(sweep_run.store, Layout) as kept:
                run_log = kept.path
                _write_head(sweep, sweep_run.store)
                observer.message(sweep_run.left_to_do())
                _run(sweep_run, engine, num_cpus, num_gpus)
                if not sweep.output.keep_texts and not sweep_run.unmade_features:
                    features = Store(sweep_run.settings.features).fenced(lease.fence)
                    forget_texts(sweep_run.plan, features, sweep_run.store)
        if trace and sweep_run.trace:
            sweep_run.trace.write(trace)
    return _summary(sweep_run, store.url, time.monotonic() - began, run_log)


def _summary(sweep_run: SweepRun, url: str, seconds: float, log: str | None) -> Summary:
    """How a run ended; LeaseError where another run has taken the output root over."""
    stopped = sweep_run.control.stopped
    if stopped and stopped.fault == "lease":
        raise LeaseError(stopped.message)
    return Summary(
        results=url,
        executed=dict(sweep_run.executed),
        failed=sweep_run.failed_labels(),
        skipped=sweep_run.control.pending("skipped"),
        seconds=seconds,
        log=log,
        stopped=stopped.message if stopped else None,
    )


def _cluster(engine: EngineName, address: str | None) -> AbstractContextManager[None]:
    """The cluster that was asked for, reached before anything is written; none: made when it is needed."""
    if engine == "inline" or given_address(address) is None:
        return nullcontext()
    set_ray_environment(address)
    from d2b_ray.engine.on_ray.joining import reached

    return reached(address)


def _run(
    sweep_run: SweepRun,
    engine: EngineName,
    num_cpus: int | None,
    num_gpus: int | None,
) -> None:
    if engine == "inline":
        from d2b_ray.engine.inline import run_inline

        run_inline(sweep_run)
        return
    set_ray_environment(None)
    from d2b_ray.engine.on_ray.driver import run_on_ray

    run_on_ray(sweep_run, num_cpus=num_cpus, num_gpus=num_gpus)


def _write_head(sweep: Sweep, store: Store) -> None:
    """The spec as run, and the environment it ran in."""
    store.write_bytes(Layout.SWEEP, to_yaml(sweep).encode())
    store.write_json(
        Layout.ENVIRONMENT,
        {
            "versions": versions(),
            "code": dict(code_now(plug_ins(sweep))),
            "host": platform.node(),
            "platform": platform.platform(),
            "command": _command(sys.argv),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
    )


def _command(words: list[str]) -> str:
    """How this process was called; values that were set are in `sweep.yaml`, if they are of the sweep."""
    return " ".join(
        [Path(words[0]).name] + [re.sub("=.*", "=...", word, flags=re.DOTALL) for word in words[1:]]
    )
