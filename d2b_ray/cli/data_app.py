"""The verbs below `data`. Thin, like all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from d2b_ray.cli.options import AsJson, Overrides, Spec

__all__ = ["data"]

data = typer.Typer(
    help="Look at a data set before anything is computed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@data.command(name="check")
def data_check(
    spec: Spec,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Open everything a sweep reads: what is missing, wrong or leaks."""
    from d2b_ray.cli.checking import check_data
    from d2b_ray.spec import load

    raise typer.Exit(check_data(load(spec, overrides or []), as_json=as_json))


@data.command(name="init")
def data_init(
    folder: Annotated[
        Path, typer.Argument(help="Data set: BIDS, or of arrays.", show_default=False)
    ],
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Which images (BIDS): --select space=T1w"),
    ] = None,
) -> None:
    """Write a run table of the runs that are there, for you to edit."""
    from d2b_ray.cli.checking import init_runs

    init_runs(folder, select or [])
