"""Caption files: tab-separated, a row a second, a column an annotator, a header row first.

A cell may stand in quotes, with quotes inside doubled, as pandas and spreadsheets write cells that hold a
quote or a tab. A quote that does not end on its line is a part of the caption, like any other sign.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from d2b_ray.data.lengths import check_rows
from d2b_ray.data.unicode_forms import hint_of_form
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from d2b_ray.arrays import Run, RunTable
    from d2b_ray.data.lengths import ExtraRows

__all__ = ["CaptionFolder"]

QUOTED = re.compile(
    r'"((?:[^"]|"")*+)"([^\t]*)'
)  # as CSV readers do, what follows the quotes is kept
WHOLE = re.compile(r'"(?:[^"]|"")*+"(?=\t|\n|$)')
NAME = re.compile(
    r"(?P<title>.+)_run(?P<part>\d+)_(?P<level>.+)_each1sec_(?P<language>[a-z]{2,3})\.txt"
)
USUAL = "en"  # a level of another language is `<level>-<language>`


class CaptionFolder:
    """The caption files `{title}_run{part}_{level}_each1sec_en.txt` of one folder.

    In another language `..._each1sec_ja.txt`, which is level `{level}-ja`. Of runs that have a name only:
    `{stimulus}_{level}.txt`.
    """

    def __init__(self, folder: Path, runs: RunTable) -> None:
        self.folder = folder
        self._runs = runs
        self._levels: tuple[str, ...] | None = None

    def levels(self) -> tuple[str, ...]:
        """Levels of which there is a file, sorted."""
        if self._levels is None:
            names = [path.name for path in self.folder.glob("*.txt")]
            found = (NAME.fullmatch(name) for name in names)
            named = [f"{run.stimulus}_" for run in self._runs.runs if not run.part]
            plain = (
                n.removeprefix(r).removesuffix(".txt")
                for r in named
                for n in names
                if n.startswith(r)
            )
            levels = (
                match["level"] + ("" if match["language"] == USUAL else f"-{match['language']}")
                for match in found
                if match
            )
            self._levels = tuple(sorted({*levels, *plain}))
        return self._levels

    def path(self, run: Run, level: str) -> Path:
        """File of a run and level."""
        if not run.part:
            return self.folder / f"{run.stimulus}_{level}.txt"
        begins = f"{run.title}_run{run.part}_"
        usual = self.folder / f"{begins}{level}_each1sec_{USUAL}.txt"
        name, _, language = level.rpartition("-")
        other = self.folder / f"{begins}{name}_each1sec_{language}.txt"
        return other if name and not usual.exists() and other.exists() else usual

    def files(self, level: str) -> tuple[str, ...]:
        """Paths of a level's files, for the runs that have a role; DataError if one is missing."""
        paths = [self.path(run, level) for run in self._runs.used]
        missing = [path for path in paths if not path.is_file()]
        if missing:
            more = f" and {len(missing) - 1} more files" if len(missing) > 1 else ""
            raise DataError(
                f"{missing[0]}{more}: captions of level {level!r} are missing"
                f"{hint_of_form(missing[0])}; levels with files: {', '.join(self.levels()) or 'none'}"
            )
        return tuple(str(path) for path in paths)

    def read(self, run: Run, level: str, extra_rows: ExtraRows = "error") -> list[list[str]]:
        """`run.seconds` rows of one text an annotator; DataError for a file of another length."""
        path = self.path(run, level)
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except OSError as error:
            raise DataError(f"{path}: captions cannot be read ({error.strerror})") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: captions cannot be read; the file must be UTF-8") from error
        if lines and not lines[-1]:
            lines.pop()
        lines = [line.rstrip("\r") for line in lines]
        rows = [_cells(line) for line in lines[1:]]
        _check_lines(path, lines)
        check_rows(path, "captions below the header", (len(rows),), run.seconds, extra_rows)
        width = len(rows[0])
        for number, row in enumerate(rows, start=2):
            if len(row) != width:
                raise DataError(
                    f"{path}:{number}: {len(row)} columns where the first row has {width}; columns "
                    "are separated by one tab, `..` marks an empty one"
                )
        return rows[: run.seconds]


def _parts(line: str) -> Iterator[tuple[int, str, bool]]:
    """First sign, content, and whether it is plain text, of each cell of a line."""
    start = 0
    while start <= len(line):
        quoted = QUOTED.match(line, start)
        if quoted:
            stop, content = quoted.end(), quoted[1].replace('""', '"') + quoted[2]
        else:
            end = line.find("\t", start)
            stop = len(line) if end < 0 else end
            content = line[start:stop]
        yield start, content, quoted is None
        start = stop + 1


def _cells(line: str) -> list[str]:
    return [content for _, content, _ in _parts(line)] if '"' in line else line.split("\t")


def _check_lines(path: Path, lines: list[str]) -> None:
    """DataError where lines from a quote on make one row of as many columns as others have."""
    widths = {line.count("\t") for line in lines if '"' not in line}
    for number, line in enumerate(lines):
        opened = [s for s, content, plain in _parts(line) if plain and content.startswith('"')]
        for start in opened if '"' in line else ():
            closed = WHOLE.match("\n".join([line[start:], *lines[number + 1 :]]))
            if closed is None:
                continue
            last = number + 1 + closed[0].count("\n")
            columns = sum(1 for _ in _parts("\n".join(lines[number:last])))
            if not widths or columns - 1 in widths:
                raise DataError(
                    f"{path}:{number + 1}: a quoted caption that ends on line {last}; a row is a "
                    "second, so captions have no line breaks: write it on one line"
                )
