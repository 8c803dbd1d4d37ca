"""Arguments that several verbs have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AsJson", "Engine", "Overrides", "Spec", "Surface"]


class Engine(StrEnum):
    """Where units run."""

    ray = "ray"
    inline = "inline"


class View(StrEnum):
    """Ways to draw a map."""

    slices = "slices"
    glass = "glass"
    inflated = "inflated"
    flat = "flat"


class Surface(StrEnum):
    """Surfaces that come with nilearn."""

    fsaverage5 = "fsaverage5"


Spec = Annotated[Path, typer.Argument(help="Sweep file (YAML).", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key: --set fits.0.reduce.pca=640"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
