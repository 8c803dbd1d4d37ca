"""The verb `demo-data`: captions through a real model, planted effects, a data set on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.data.demo import write_demo
from d2b_ray.features import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["write_demo_data"]

MODEL = "MiniLM"
LAYER = 4  # of 7: what drives the planted voxels


def write_demo_data(
    folder: Path, seed: int, layout: str = "drama2brain", tr_s: float = 1.0
) -> None:
    """Write the demo data set to `folder`, which must be empty or not exist."""
    model: list[Any] = []

    def featurize(level: str, captions: Mapping[str, Any]) -> dict[str, Any]:
        semantic = MODALITIES["semantic"]
        if not model:
            typer.echo(f"Loading {MODEL} ...")
            model.append(semantic.load(resolve(MODEL), device="cpu", dtype="float32"))
        typer.echo(f"Features of {level} ...")
        runs = semantic.extract(
            model[0],
            captions,
            window=1,
            annotators="ALL",
            join="time",
            layers=(LAYER,),
            tokens="avg",
            batch_tokens=8192,
        )
        return {run: layers[LAYER] for run, layers in runs}

    write_demo(folder, featurize, seed=seed, layout=layout, tr_s=tr_s)
    typer.echo(f"Wrote {folder} (what was planted: {folder}/truth.npz)")
