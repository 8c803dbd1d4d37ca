"""The verbs `import-results` and `import-features`: what drama2brain left, taken over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from d2b_ray.data import open_dataset
from d2b_ray.engine.addresses import address_of
from d2b_ray.errors import DataError
from d2b_ray.report.old_results import import_results
from d2b_ray.store import Layout, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from d2b_ray.arrays import Voxels

__all__ = ["import_feature_tree", "import_tree"]

MOST_TOLD = 10  # fits or layers that were left out; the number of the others is told


def import_tree(old: str, new: str, root: str | None, layout: str) -> None:
    """Import, and say what was and what was not."""
    voxels_of: Callable[[str], Voxels] | None = None
    if root is not None:
        voxels_of = open_dataset(layout, address_of(root)).voxels
    target = Store(address_of(new))
    found = import_results(Store(address_of(old)), target, voxels_of)
    _tell(found.left_out)
    typer.echo(f"Imported {len(found.fits):,} fits.")
    typer.echo(f"Tables:  {target.address(Layout.FITS)}")
    typer.echo(f"Report:  {target.address(Layout.REPORT)}")


def import_feature_tree(old: str, root: str, layout: str) -> int:
    """Copy features beside a data set, and say what was and what was not; 1 if something was left out."""
    from d2b_ray.survey.old_features import import_features

    if not Path(old).is_dir():
        raise DataError(f"{old}: is no folder of features")
    dataset = open_dataset(layout, address_of(root))
    found = import_features(Path(old), dataset)
    _tell(found.left_out)
    typer.echo(
        f"Imported {len(found.folders):,} layers into {dataset.feature_root}/{Layout.FEATURES}"
    )
    if found.passed_over:
        typer.echo(
            f"Passed over {found.passed_over:,} files that are no features of a run (reduced copies, say)."
        )
    return 1 if found.left_out else 0


def _tell(left_out: Mapping[str, str]) -> None:
    for name, why in list(left_out.items())[:MOST_TOLD]:
        typer.echo(f"left out: {name}: {why}")
    if (more := len(left_out) - MOST_TOLD) > 0:
        typer.echo(f"left out: {more} more")
