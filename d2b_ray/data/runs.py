"""The run table: what was shown, how long, and what each run is used for. A CSV file, data not code.

Two kinds: that of drama2brain, with the columns `COLUMNS`, and one for everybody (`plain_runs`).
"""

from __future__ import annotations

import csv
from importlib import resources
from typing import TYPE_CHECKING, cast

from d2b_ray.arrays import Role, Run, RunTable
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["COLUMNS", "check_runs", "drama2brain_runs", "read_rows", "read_runs", "rows_of_paper"]

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
REPEATS = "repeat_of"  # a column that may be there: the run whose stimulus was shown again
SEPARATORS = (",", ";", "\t")
NAMING = tuple(name for name in COLUMNS if name not in ("seconds", "overlap"))
ROLES = ("TRAIN", "VALID", "")


def drama2brain_runs() -> RunTable:
    """The runs of Nakagi et al. (2024): 43 were shown, two of them without a title were not used."""
    with resources.as_file(resources.files("d2b_ray.data") / "drama2brain_runs.csv") as path:
        return read_runs(path)


def read_runs(path: Path) -> RunTable:
    """Read a run table, cells divided by commas, semicolons or tabs; more columns than `COLUMNS` are fine.

    `repeat_of` may be one of them: the name (Title_001) of the run whose stimulus was shown again, for
    `significance.ceiling: repeats`. Raises DataError naming row and column.

    Rows without title, part, role and CV group are runs that were shown but not used: left out.
    """
    names, rows = read_rows(path)
    return rows_of_paper(path, names, rows)


def read_rows(path: Path) -> tuple[tuple[str, ...], list[tuple[int, dict[str, str]]]]:
    """Columns of a table, and its rows with the number of their line. DataError if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise DataError(
                f"{path}: there is no run table; `d2b-ray data init {path.parent}` writes one of the runs "
                "that are there, to be edited"
            ) from error
        raise DataError(f"{path}: the run table cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the run table cannot be read; it must be UTF-8") from error
    lines = text.splitlines()
    separator = max(SEPARATORS, key=lines[0].count) if lines else ","
    reader = csv.DictReader(lines, delimiter=separator)
    rows = [(reader.line_num, {k: v or "" for k, v in row.items() if k}) for row in reader]
    return tuple(reader.fieldnames or ()), rows


def rows_of_paper(
    path: Path, names: tuple[str, ...], rows: list[tuple[int, dict[str, str]]]
) -> RunTable:
    """The runs of a table with the columns `COLUMNS`."""
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise DataError(
            f"{path}: the run table lacks the columns {', '.join(missing)}; it must have "
            f"{', '.join(COLUMNS)}"
        )
    return check_runs(path, tuple(_run(path, number, row) for number, row in rows if _named(row)))


def check_runs(path: Path, runs: tuple[Run, ...]) -> RunTable:
    """The table of `runs`, in order; DataError for none, for names that appear twice, for wrong repeats."""
    if not runs:
        raise DataError(f"{path}: the run table is empty")
    names = [run.name for run in runs]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{path}: runs appear twice: {', '.join(doubled)}")
    _check_repeats(path, runs)
    return RunTable(runs)


def _check_repeats(path: Path, runs: tuple[Run, ...]) -> None:
    """DataError if a repeat is of no run, of another length, or lets a fit see what it is tested on."""
    by_name = {run.name: run for run in runs}
    for run in runs:
        if not run.repeat_of:
            continue
        first = by_name.get(run.repeat_of)
        where = f"{path}: run {run.name} has {REPEATS} {run.repeat_of}"
        if first is None or first.repeat_of or first is run:
            raise DataError(
                f"{where}, which must be another run of the table that repeats none; runs are named as "
                f"{runs[0].name}"
            )
        if (run.seconds, run.overlap) != (first.seconds, first.overlap):
            raise DataError(
                f"{where}, which has {first.seconds} seconds and overlap {first.overlap}, and {run.name} "
                f"{run.seconds} and {run.overlap}; must be the same"
            )
    shown: dict[str, list[Run]] = {}
    for run in runs:
        shown.setdefault(run.repeat_of or run.name, []).append(run)
    for name, shows in shown.items():
        for column in ("split_all", "split_a", "split_b"):
            roles = {getattr(run, column) for run in shows} - {""}
            if len(roles) > 1:
                raise DataError(
                    f"{path}: {column} has the stimulus of {name} both as TRAIN and as VALID: a fit would "
                    "have seen what it is tested on; leave the role of one of its runs empty"
                )
            groups = {run.cv_group for run in shows if getattr(run, column) == "TRAIN"}
            if len(groups) > 1:
                raise DataError(
                    f"{path}: the runs of {column} that show the stimulus of {name} are in the CV groups "
                    f"{', '.join(map(str, sorted(groups)))}; must be one, or a fold sees what it holds out"
                )


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
        repeat_of=(row.get(REPEATS) or "").strip(),
    )
    if not run.title or run.samples < 1:
        raise DataError(
            f"{path}:{number}: a run needs a title and more seconds ({run.seconds}) than overlap "
            f"({run.overlap})"
        )
    return run
