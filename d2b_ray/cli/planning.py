"""The verbs `plan` and `status`: what a sweep is, and how it stands. Runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from d2b_ray.catalog.significance_tests import TESTS
from d2b_ray.engine.scripting import Silent
from d2b_ray.engine.session import prepare
from d2b_ray.engine.space import bytes_left, free_bytes
from d2b_ray.plan import GPU, KINDS, Kind, estimate
from d2b_ray.plan.describe import HEADINGS, bytes_text, duration_text, rows, summary
from d2b_ray.plan.estimate import FLOAT32_BYTES
from d2b_ray.plan.remarks import remarks
from d2b_ray.schedule.forecast import forecast

if TYPE_CHECKING:
    from d2b_ray.engine.sweep_run import SweepRun
    from d2b_ray.spec import Sweep

__all__ = ["show_plan", "show_status"]


def show_plan(sweep: Sweep, gpus: int, cpus: int) -> None:
    """Print units by kind with what is done, and what the rest will cost."""
    sweep_run = prepare(sweep, Silent()).sweep_run
    plan = sweep_run.plan
    typer.echo(f"{sweep.name}: {summary(plan)}")
    estimates = estimate(plan, sweep_run.world.sizes, sweep_run.finished_keys)
    print_table(HEADINGS, rows(estimates))
    free = free_bytes(sweep_run.store.url)
    if free is not None:
        needed = bytes_left(sweep_run)
        words = "has room for" if needed <= free else "has room for no more than"
        typer.echo(f"{sweep_run.store.url} {words} {bytes_text(free)}")
    for line in remarks(sweep, sweep_run.world):
        typer.echo(line)
    if sweep_run.demand.left:
        typer.echo(_memory(sweep_run))
        on_gpu = estimate(plan, sweep_run.world.sizes, sweep_run.finished_keys, GPU)
        found = forecast(estimates, on_gpu, gpus=gpus, cpus=cpus, nulls_on_gpu=_drawn_on_gpu(sweep))
        where = f"{gpus} GPUs and {cpus} cores" if gpus else f"{cpus} cores"
        typer.echo(
            f"time: about {duration_text(found.seconds)} on {where}, most of it {found.kind} units"
            + (f"; the {found.bound_by} are waited for" if gpus else "")
        )
    _tell_state(sweep_run)


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


def show_status(sweep: Sweep) -> int:
    """Print how the sweep stands; returns 0 when all is done, 1 when units failed, else 3."""
    sweep_run = prepare(sweep, Silent()).sweep_run
    control = sweep_run.control
    counts = control.counts()
    columns = ("done", "failed", "skipped", "waiting")
    table = []
    durable: tuple[Kind, ...] = ("shard", "extract", "commit", "compare", "gather")
    for kind in durable:
        if kind in ("shard", "compare") and not sweep_run.plan.of(kind):
            continue
        left = counts[kind, "waiting"] + counts[kind, "ready"]
        cells = [counts[kind, "done"], counts[kind, "failed"], counts[kind, "skipped"], left]
        table.append((kind, *map(str, cells)))
    for kind in KINDS:
        if kind not in durable and counts[kind, "failed"]:
            table.append((kind, "", str(counts[kind, "failed"]), "", ""))
    print_table(("unit", *columns), table)
    _tell_state(sweep_run)
    if control.finished and not control.pending("failed"):
        typer.echo(f"Everything in {sweep_run.store.url} is up to date.")
        return 0
    return 1 if control.pending("failed") else 3


def print_table(headings: tuple[str, ...], table: list[tuple[str, ...]]) -> None:
    """Print columns, the first one to the left and the others to the right."""
    widths = [max(len(row[i]) for row in [headings, *table]) for i in range(len(headings))]
    for row in [headings, *table]:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        typer.echo("  ".join([first, *rest]).rstrip())


def _tell_state(sweep_run: SweepRun) -> None:
    for reason in sweep_run.state.stale.values():
        typer.echo(f"stale: {reason}")
    labels = sweep_run.failed_labels()
    for label, message in labels.items():
        typer.echo(f"failed: {label}: {message}")
