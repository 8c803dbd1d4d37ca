"""The verbs `plan` and `status`: what a sweep is, and how it stands. Runs nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
import yaml

from d2b_ray.catalog.significance_tests import TESTS
from d2b_ray.engine.scripting import Silent
from d2b_ray.engine.session import prepare
from d2b_ray.engine.space import bytes_left, free_bytes
from d2b_ray.errors import SpecError
from d2b_ray.plan import (
    GPU,
    KINDS,
    RESULTS,
    Kind,
    Machines,
    estimate,
    machines_of_cluster,
    machines_of_text,
    measured_factors,
    reading_seconds,
)
from d2b_ray.plan.describe import HEADINGS, bytes_text, duration_text, rows, summary
from d2b_ray.plan.remarks import remarks
from d2b_ray.plan.widths import FLOAT32_BYTES
from d2b_ray.schedule.forecast import Forecast, forecast
from d2b_ray.store import Ledger, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from d2b_ray.engine.sweep_run import SweepRun
    from d2b_ray.plan import Unit
    from d2b_ray.spec import Sweep

__all__ = ["machines_on", "show_plan", "show_status"]


PLAN, STATUS = "d2b_ray.plan/1", "d2b_ray.status/1"


MUCH_BYTES = 10**12
TIMED_RECORDS = 200  # of a kind: enough for a mean, and few to fetch from a bucket


def machines_on(text: str) -> Machines:
    """The machines of a cluster's file, or of a list such as `4x8+1,8x16`."""
    path = Path(text)
    if path.suffix not in (".yaml", ".yml"):
        return machines_of_text(text)
    try:
        return machines_of_cluster(yaml.safe_load(path.read_text()), text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpecError(f"--on {text}: cannot be read: {' '.join(str(error).split())}") from None


def show_plan(
    sweep: Sweep, machines: Machines, price: float | None = None, *, as_json: bool = False
) -> None:
    """Print units by kind with what is done, and what the rest will cost."""
    sweep_run = prepare(sweep, Silent()).sweep_run
    plan = sweep_run.plan
    sizes, done = sweep_run.world.sizes, sweep_run.finished_keys
    records = _timed(sweep_run)
    on_core = measured_factors(plan, sizes, records)
    estimates = estimate(plan, sizes, done, factors=on_core, workers=machines.cpus)
    on_gpu = estimate(
        plan, sizes, done, GPU, on_core | measured_factors(plan, sizes, records, GPU, "cuda")
    )
    left = bool(sweep_run.demand.left)
    reading = reading_seconds(sizes, {unit.subject or "" for unit in _fits_left(sweep_run)})
    time = forecast(
        estimates, on_gpu, gpus=machines.gpus, cpus=machines.cpus,
        nulls_on_gpu=_drawn_on_gpu(sweep), reading=reading,
    )  # fmt: skip
    cost = None if price is None else price * time.seconds / 3600
    free, needed = free_bytes(sweep_run.store.url), bytes_left(sweep_run)
    lines = remarks(sweep, sweep_run.world)
    if needed >= MUCH_BYTES:
        lines.append(
            f"writes {bytes_text(needed)}: output.save names what is kept; coef and predictions are large"
        )
    if as_json:
        found = {
            "schema": PLAN, "name": sweep.name, "output": sweep_run.store.url,
            "repeats_removed": plan.repeats,
            "units": [asdict(e) for e in estimates],
            "bytes_to_write": needed, "bytes_free": free, "remarks": lines,
            "memory_bytes": dict(sweep_run.demand.own_bytes),
            "time": {**machines._asdict(), **time._asdict(), "reading": reading, "cost": cost}
            if left
            else None,
            "measured": on_core,
            **_state(sweep_run),
        }  # fmt: skip
        typer.echo(json.dumps(found, indent=1))
        return
    typer.echo(f"{sweep.name}: {summary(plan)}")
    print_table(HEADINGS, rows(estimates))
    if free is not None:
        words = "has room for" if needed <= free else "has room for no more than"
        typer.echo(f"{sweep_run.store.url} {words} {bytes_text(free)}")
    for line in lines:
        typer.echo(line)
    if left:
        typer.echo(_memory(sweep_run))
        typer.echo(_time(time, machines, reading, cost, on_core))
    _tell_state(sweep_run)


def _time(
    time: Forecast, machines: Machines, reading: float, cost: float | None, factors: Iterable[str]
) -> str:
    """One line: how long, on what, what is waited for, what it costs, and what the estimate rests on."""
    gpus, cpus = machines.gpus, machines.cpus
    where = f"{gpus} GPUs and {cpus} cores" if gpus else f"{cpus} cores"
    if machines.nodes > 1:
        where += f" of {machines.nodes} machines"
    line = f"time: about {duration_text(time.seconds)} on {where}, most of it {time.kind} units"
    line += f"; the {time.bound_by} are waited for" if gpus else ""
    if reading > time.seconds / 20:
        line += f"; {duration_text(reading)} of it the first reading of responses"
    if cost is not None:
        line += f"; costs about {cost:,.2f}"
    known = ", ".join(sorted(set(factors)))
    return line + (f" (as done units of {known} took)" if known else "")


def _timed(sweep_run: SweepRun) -> list[Mapping[str, Any]]:
    """Records of some finished commits and feature layers, which tell how long they took."""
    found: list[Mapping[str, Any]] = []
    places: dict[str, tuple[str, ...]] = {
        sweep_run.settings.results: ("commit",),
        sweep_run.settings.features: ("feature",),
    }
    if len(places) == 1:
        places = {sweep_run.settings.results: ("commit", "feature")}
    for url, kinds in places.items():
        ledger = Ledger.read(Store(url))
        for kind in kinds:
            paths = sorted(path for _, _, path in ledger.of(kind))[:TIMED_RECORDS]
            found += ledger.read_records(paths)
    return found


def _fits_left(sweep_run: SweepRun) -> list[Unit]:
    done = sweep_run.finished_keys
    plan = sweep_run.plan
    return [plan[unit.params["fit"]] for unit in plan.of("commit") if unit.key not in done]


def _drawn_on_gpu(sweep: Sweep) -> bool:
    """Whether fits on a GPU draw their nulls there; very short blocks are left to the CPU all the same."""
    asked, test = sweep.resources.permute.num_gpus != 0, TESTS[sweep.significance.test]
    return asked and test.on_device is not None and sweep.significance.null == "voxel"


def _memory(sweep_run: SweepRun) -> str:
    """One line: what workers take, and what they share."""
    own, sizes = sweep_run.demand.own_bytes, sweep_run.world.sizes
    kind = max(own, key=own.__getitem__)
    rows = sizes.n_train + sizes.n_valid
    mapped = FLOAT32_BYTES * rows * max(sizes.voxels.values(), default=0)
    return (
        f"memory: up to {bytes_text(own[kind])} a worker ({kind}); the workers of a machine share "
        f"{bytes_text(mapped)} of responses a subject"
    )


def show_status(sweep: Sweep, *, as_json: bool = False) -> int:
    """Print how the sweep stands; returns 0 when all is done, 1 when units failed, else 3."""
    sweep_run = prepare(sweep, Silent()).sweep_run
    control = sweep_run.control
    counts = control.counts()
    failed = control.pending("failed")
    code = 1 if failed else 0 if control.finished else 3
    units: dict[str, dict[str, int]] = {}
    durable: tuple[Kind, ...] = ("shard", "extract", *RESULTS)
    for kind in durable:
        if kind in ("shard", "compare", "generalise", "weights") and not sweep_run.plan.of(kind):
            continue
        found = {state: counts[kind, state] for state in ("done", "failed", "skipped")}
        units[kind] = found | {"waiting": counts[kind, "waiting"] + counts[kind, "ready"]}
    for kind in KINDS:
        if kind not in durable and counts[kind, "failed"]:
            units[kind] = {"failed": counts[kind, "failed"]}
    if as_json:
        told = {
            "schema": STATUS, "name": sweep.name, "output": sweep_run.store.url, "units": units,
            **_state(sweep_run), "exit_status": code,
        }  # fmt: skip
        typer.echo(json.dumps(told, indent=1))
        return code
    columns = ("done", "failed", "skipped", "waiting")
    table = [
        (kind, *(str(found[c]) if c in found else "" for c in columns))
        for kind, found in units.items()
    ]
    print_table(("unit", *columns), table)
    _tell_state(sweep_run)
    if code == 0:
        typer.echo(f"Everything in {sweep_run.store.url} is up to date.")
    return code


def print_table(headings: tuple[str, ...], table: list[tuple[str, ...]]) -> None:
    """Print columns, the first one to the left and the others to the right."""
    widths = [max(len(row[i]) for row in [headings, *table]) for i in range(len(headings))]
    for row in [headings, *table]:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        typer.echo("  ".join([first, *rest]).rstrip())


def _state(sweep_run: SweepRun) -> dict[str, Any]:
    """What is stale, and units that failed with their messages."""
    return {
        "stale": list(sweep_run.state.stale.values()),
        "failed": sweep_run.failed_labels(),
    }


def _tell_state(sweep_run: SweepRun) -> None:
    state = _state(sweep_run)
    for reason in state["stale"]:
        typer.echo(f"stale: {reason}")
    for label, message in state["failed"].items():
        typer.echo(f"failed: {label}: {message}")
