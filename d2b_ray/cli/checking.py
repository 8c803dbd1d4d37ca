"""The verbs `data check` and `data init`: what a data set holds, before anything is computed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from d2b_ray.cli.exporting import named
from d2b_ray.data.array_files import ENDINGS
from d2b_ray.data.bids_files import bold_files
from d2b_ray.engine.addresses import address_of, base_folder
from d2b_ray.errors import DataError
from d2b_ray.survey.checking import check_everything

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from d2b_ray.spec import Sweep

__all__ = ["check_data", "init_runs"]

ERRORS = 2
MARKS = {"error": "ERROR  ", "warning": "WARNING", "ok": "ok     "}


def check_data(sweep: Sweep, *, as_json: bool) -> int:
    """Print what was found; 2 if the sweep would not run, else 0."""
    features = sweep.output.features or sweep.output.root

    def say(line: str) -> None:
        typer.echo(line, err=True)

    findings = check_everything(
        sweep, address_of(sweep.dataset.root), address_of(features), base_folder(), say
    )
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in findings], indent=1, ensure_ascii=False))
    else:
        width = max(len(one.what) for one in findings)
        for one in findings:
            typer.echo(f"{MARKS[one.level]} {one.what:<{width}}  {one.words}")
        count = {level: sum(one.level == level for one in findings) for level in MARKS}
        typer.echo(f"{count['error']} errors, {count['warning']} warnings")
    return ERRORS if any(one.level == "error" for one in findings) else 0


def init_runs(folder: Path, select: Sequence[str]) -> None:
    """Write <folder>/runs.csv with all runs, the last of them to test on; never over one that is there."""
    table = folder / "runs.csv"
    if table.exists():
        raise DataError(f"{table} is there already; edit it, or remove it first")
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    names = _runs(folder, named("--select", select))
    held_out = max(1, len(names) // 5)
    lines = ["run,role"]
    for place, name in enumerate(names):
        lines.append(f"{name},{'train' if place < len(names) - held_out else 'test'}")
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    typer.echo(
        f"{table}: {len(names)} runs, the last {held_out} of them to test on. Edit the roles (train, test, "
        "or empty where a run is not used), and add columns if need be: group (runs that folds hold out "
        "together), tr_s, trim_start, trim_end, stimulus_s, repeat_of."
    )


def _runs(folder: Path, select: dict[str, str]) -> list[str]:
    """Runs of all subjects, sorted."""
    responses = folder / "responses"
    if responses.is_dir():
        found = {p.stem for p in responses.glob("*/*") if p.suffix in ENDINGS}
        if not found:
            raise DataError(
                f"{responses}: there are no files <subject>/<run>.npy (or .npz, .parquet)"
            )
        return sorted(found)
    files = bold_files(folder, None, select)
    return sorted({run for own in files.values() for run in own})
