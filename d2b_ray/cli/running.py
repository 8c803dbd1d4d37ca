"""The verb `run`: runs a sweep under a display and tells how it ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from d2b_ray.cli.progress import clock, progress_for
from d2b_ray.engine.session import run_sweep

if TYPE_CHECKING:
    from pathlib import Path

    from d2b_ray.engine.session import EngineName, Summary
    from d2b_ray.spec import Sweep

__all__ = ["run_and_tell"]

SHOWN = 10  # failures printed in full; the rest is counted


def run_and_tell(
    sweep: Sweep,
    *,
    engine: EngineName,
    address: str | None = None,
    retry_failed: bool = False,
    num_cpus: int | None = None,
    num_gpus: int | None = None,
    accept_code_change: bool = False,
    trace: Path | None = None,
    ignore_space: bool = False,
) -> int:
    """Run the sweep; returns the exit status: 0, 1 when units failed, 130 when interrupted."""
    display = progress_for(sys.stdout)
    try:
        summary = run_sweep(
            sweep,
            display,
            engine=engine,
            address=address,
            retry_failed=retry_failed,
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            accept_code_change=accept_code_change,
            trace=trace,
            ignore_space=ignore_space,
        )
    except (KeyboardInterrupt, SystemExit):
        display.close()
        typer.echo("Interrupted. What is finished is kept: the same command goes on from here.")
        return 130
    finally:
        display.close()
    return tell(summary, tables=sweep.output.table == "parquet", fits=bool(sweep.fits))


def tell(summary: Summary, *, tables: bool, fits: bool) -> int:
    """Print how a run ended and what to open; returns the exit status."""
    done = sum(summary.executed.values())
    for label, message in list(summary.failed.items())[:SHOWN]:
        typer.echo(f"failed: {label}: {message.splitlines()[0]}")
    if len(summary.failed) > SHOWN:
        typer.echo(
            f"... and {len(summary.failed) - SHOWN} more, see {summary.results}/units/failed"
        )
    if done:
        words = ", ".join(f"{n} {kind}" for kind, n in summary.executed.items())
        typer.echo(f"Ran {done} units in {clock(summary.seconds)} ({words}).")
    elif summary.ok:
        typer.echo(f"Nothing to do: everything in {summary.results} is up to date.")
    if summary.failed:
        typer.echo(
            f"{len(summary.failed)} failed, {summary.skipped} skipped because of them. "
            "`--retry-failed` takes them up again."
        )
    if summary.stopped:
        typer.echo(
            f"Stopped: {summary.stopped}. What is finished is kept: the same command goes on."
        )
    typer.echo(f"Results: {summary.results}")
    if fits and tables and not summary.stopped:
        typer.echo(
            f"Tables:  {summary.results}/tables/fits.parquet, {summary.results}/tables/voxels"
        )
    if fits and not summary.stopped:
        typer.echo(f"Report:  {summary.results}/report/index.html")
    if summary.log:
        typer.echo(f"Log:     {summary.results}/{summary.log}")
    return 0 if summary.ok else 1
