"""Caption files: tab-separated, a row a second, a column an annotator, a header row first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from d2b_ray.arrays import Run, RunTable

__all__ = ["CaptionFolder"]

NAME = re.compile(r"(?P<title>.+)_run(?P<part>\d+)_(?P<level>.+)_each1sec_en\.txt")


class CaptionFolder:
    """The caption files `{title}_run{part}_{level}_each1sec_en.txt` of one folder."""

    def __init__(self, folder: Path, runs: RunTable) -> None:
        self.folder = folder
        self._runs = runs
        self._levels: tuple[str, ...] | None = None

    def levels(self) -> tuple[str, ...]:
        """Levels of which there is a file, sorted."""
        if self._levels is None:
            names = (path.name for path in self.folder.glob("*_each1sec_en.txt"))
            found = (NAME.fullmatch(name) for name in names)
            self._levels = tuple(sorted({match["level"] for match in found if match}))
        return self._levels

    def path(self, run: Run, level: str) -> Path:
        """File of a run and level."""
        return self.folder / f"{run.title}_run{run.part}_{level}_each1sec_en.txt"

    def files(self, level: str) -> tuple[str, ...]:
        """Paths of a level's files, for the runs that have a role; DataError if one is missing."""
        paths = [self.path(run, level) for run in self._runs.used]
        missing = [path for path in paths if not path.is_file()]
        if missing:
            more = f" and {len(missing) - 1} more files" if len(missing) > 1 else ""
            raise DataError(
                f"{missing[0]}{more}: captions of level {level!r} are missing; levels with files: "
                f"{', '.join(self.levels()) or 'none'}"
            )
        return tuple(str(path) for path in paths)

    def read(self, run: Run, level: str) -> list[list[str]]:
        """`run.seconds` rows of one text an annotator; longer files are cut, shorter ones refused."""
        path = self.path(run, level)
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except OSError as error:
            raise DataError(f"{path}: captions cannot be read ({error.strerror})") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: captions cannot be read; the file must be UTF-8") from error
        if lines and not lines[-1]:
            lines.pop()
        rows = [line.rstrip("\r").split("\t") for line in lines[1:]]
        if len(rows) < run.seconds:
            raise DataError(
                f"{path}: {len(rows)} rows of captions; the run lasts {run.seconds} s and needs a "
                "row a second below the header"
            )
        width = len(rows[0])
        for number, row in enumerate(rows, start=2):
            if len(row) != width:
                raise DataError(
                    f"{path}:{number}: {len(row)} columns where the first row has {width}; columns "
                    "are separated by one tab, `..` marks an empty one"
                )
        return rows[: run.seconds]
