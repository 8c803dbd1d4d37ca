"""Tables beside recordings: events and confounds, as BIDS has them; `n/a` where nothing is known."""

from __future__ import annotations

import csv
import math
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["chosen_columns", "numbers", "read_table"]

MISSING = ("", "n/a", "na", "nan")


def read_table(path: Path, needs: Sequence[str] = ()) -> dict[str, list[str]]:
    """Column -> cells of a table with a header. DataError if it cannot be read or lacks a column."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read; it must be UTF-8") from error
    lines = text.splitlines()
    separator = "\t" if lines and "\t" in lines[0] else ","
    rows = list(
        csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE if separator == "\t" else 0)
    )
    if not rows:
        raise DataError(f"{path}: is empty; must have a header and rows below it")
    header = [name.strip() for name in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        if row and len(row) != len(header):
            raise DataError(f"{path}:{number}: {len(row)} cells, and the header has {len(header)}")
    missing = [name for name in needs if name not in header]
    if missing:
        raise DataError(
            f"{path}: has no column {' and no '.join(missing)}; it has {', '.join(header)}"
        )
    body = [row for row in rows[1:] if row]
    return {name: [row[place].strip() for row in body] for place, name in enumerate(header)}


def numbers(path: Path, name: str, cells: Sequence[str]) -> NDArray[np.float64]:
    """A column as numbers, not a number where nothing is known; DataError for words."""
    found = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            found[row] = math.nan if cell.lower() in MISSING else float(cell)
        except ValueError as error:
            raise DataError(
                f"{path}:{row + 2}: {name} is {cell!r}; must be a number or n/a"
            ) from error
    return found


def chosen_columns(path: Path, names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Names that match any of the patterns, in the order of the table; DataError for one without a match."""
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise DataError(f"{path}: has no column {pattern!r}; it has {', '.join(names)}")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in wanted)]
