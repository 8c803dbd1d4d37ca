"""The run table: what was shown, how long, and what each run is used for. A CSV file, data not code."""

from __future__ import annotations

import csv
from importlib import resources
from typing import TYPE_CHECKING, cast

from d2b_ray.arrays import Role, Run, RunTable
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["COLUMNS", "drama2brain_runs", "read_runs"]

COLUMNS = (
    "title",
    "part",
    "seconds",
    "overlap",
    "split_all",
    "split_a",
    "split_b",
    "cv_group",
)
SEPARATORS = (",", ";", "\t")
NAMING = tuple(name for name in COLUMNS if name not in ("seconds", "overlap"))
ROLES = ("TRAIN", "VALID", "")


def drama2brain_runs() -> RunTable:
    """The runs of Nakagi et al. (2024): 43 were shown, two of them without a title were not used."""
    with resources.as_file(resources.files("d2b_ray.data") / "drama2brain_runs.csv") as path:
        return read_runs(path)


def read_runs(path: Path) -> RunTable:
    """Read a run table, cells divided by commas, semicolons or tabs; more columns than `COLUMNS` are fine.

    Raises DataError naming row and column.

    Rows without title, part, role and CV group are runs that were shown but not used: left out.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: the run table cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the run table cannot be read; it must be UTF-8") from error
    lines = text.splitlines()
    separator = max(SEPARATORS, key=lines[0].count) if lines else ","
    reader = csv.DictReader(lines, delimiter=separator)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise DataError(
            f"{path}: the run table lacks the columns {', '.join(missing)}; it must have "
            f"{', '.join(COLUMNS)}"
        )
    runs = tuple(_run(path, reader.line_num, row) for row in reader if _named(row))
    if not runs:
        raise DataError(f"{path}: the run table is empty")
    names = [run.name for run in runs]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{path}: runs appear twice: {', '.join(doubled)}")
    return RunTable(runs)


def _named(row: dict[str, str]) -> bool:
    return any((row[column] or "").strip() for column in NAMING)


def _run(path: Path, number: int, row: dict[str, str]) -> Run:
    def count(column: str, least: int) -> int:
        try:
            value = int(row[column])
        except (TypeError, ValueError):
            value = least - 1
        if value < least:
            raise DataError(
                f"{path}:{number}: {column} is {row[column]!r}; must be a whole number, {least} "
                "or more"
            )
        return value

    def role(column: str) -> Role:
        value = (row[column] or "").strip()
        if value not in ROLES:
            raise DataError(
                f"{path}:{number}: {column} is {value!r}; must be TRAIN, VALID or empty"
            )
        return cast("Role", value)

    run = Run(
        title=(row["title"] or "").strip(),
        part=count("part", 1),
        seconds=count("seconds", 1),
        overlap=count("overlap", 0),
        split_all=role("split_all"),
        split_a=role("split_a"),
        split_b=role("split_b"),
        cv_group=count("cv_group", 0),
    )
    if not run.title or run.samples < 1:
        raise DataError(
            f"{path}:{number}: a run needs a title and more seconds ({run.seconds}) than overlap "
            f"({run.overlap})"
        )
    return run
