"""The verb `import-results`: a result tree of drama2brain becomes tables and a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from d2b_ray.data import open_dataset
from d2b_ray.engine.addresses import address_of
from d2b_ray.report.old_results import import_results
from d2b_ray.store import Layout, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from d2b_ray.arrays import Voxels

__all__ = ["import_tree"]

MOST_TOLD = 10  # fits that were left out; the number of the others is told


def import_tree(old: str, new: str, root: str | None, layout: str) -> None:
    """Import, and say what was and what was not."""
    voxels_of: Callable[[str], Voxels] | None = None
    if root is not None:
        voxels_of = open_dataset(layout, address_of(root)).voxels
    target = Store(address_of(new))
    found = import_results(Store(address_of(old)), target, voxels_of)
    for name, why in list(found.left_out.items())[:MOST_TOLD]:
        typer.echo(f"left out: {name}: {why}")
    if (more := len(found.left_out) - MOST_TOLD) > 0:
        typer.echo(f"left out: {more} more")
    typer.echo(f"Imported {len(found.fits):,} fits.")
    typer.echo(f"Tables:  {target.address(Layout.FITS)}")
    typer.echo(f"Report:  {target.address(Layout.REPORT)}")
