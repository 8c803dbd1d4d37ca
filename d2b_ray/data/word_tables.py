"""Words in time: tables of onset, offset and word, or TextGrids, one a run and level.

<folder>/<level>/<run>.tsv       or .csv, .TextGrid

Columns by the usual names, in any case: word; onset (start); offset (end, stop) or duration, which may
be left out; seconds of the stimulus. Rows in a row with the same `word_idx` are parts of one word, as in
tables that have a row a token. A word without a time is read by a model, as those after it need it, but
has no row of features; how many there are is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.arrays import Clock
from d2b_ray.data.tables import numbers, read_table
from d2b_ray.data.textgrid import read_textgrid
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from d2b_ray.arrays import Run, RunTable

__all__ = ["WordFolder", "Words"]

ENDINGS = (".tsv", ".csv", ".TextGrid")
WORD = ("word", "words", "text")
ONSET = ("onset", "start", "word onset", "begin")
OFFSET = ("offset", "end", "stop", "word offset")
DURATION = ("duration",)
PART = ("word_idx",)
TIERS = ("word", "words")
SILENCE = ("", "sp", "sil", "<sil>", "spn", "<p:>")


@dataclass(frozen=True, slots=True)
class Words:
    """Words of a run in order; `onset`, `offset` (words,) in seconds, NaN where nothing is known.

    `backward` words whose end was given before their beginning: it is not known, then.
    """

    words: tuple[str, ...]
    onset: NDArray[np.float64]
    offset: NDArray[np.float64]
    backward: int = 0

    @property
    def timed(self) -> NDArray[np.bool_]:
        """Which words have a time."""
        return np.isfinite(self.onset)

    @property
    def clock(self) -> Clock:
        """Points in the middle of the words that have a time (where their end is unknown: their start)."""
        own = self.timed
        middle = (self.onset + np.where(np.isfinite(self.offset), self.offset, self.onset)) / 2
        return Clock(middle[own], np.zeros(int(own.sum())))


class WordFolder:
    """The word files of the runs that have a role. Nothing is looked for before it is asked for."""

    def __init__(self, folder: Path, runs: RunTable) -> None:
        self.folder = folder
        self._runs = runs
        self._read: dict[tuple[str, str], Words] = {}

    def levels(self) -> tuple[str, ...]:
        """Folders of words, sorted."""
        return tuple(sorted(path.name for path in self.folder.glob("*") if path.is_dir()))

    def files(self, level: str) -> tuple[str, ...]:
        """Paths of a level's files; DataError if one is missing."""
        return tuple(str(self._path(run, level)) for run in self._runs.used)

    def read(self, run: Run, level: str) -> Words:
        """The words of a run; DataError for a file that cannot be read or is of another clock."""
        if (run.name, level) not in self._read:
            path = self._path(run, level)
            found = _of_grid(path, level) if path.suffix == ".TextGrid" else _of_table(path)
            _check(path, found, run)
            self._read[run.name, level] = found
        return self._read[run.name, level]

    def _path(self, run: Run, level: str) -> Path:
        paths = [self.folder / level / f"{run.stimulus}{ending}" for ending in ENDINGS]
        found = next((path for path in paths if path.is_file()), None)
        if found is None:
            raise DataError(
                f"{paths[0]} (or {', '.join(ENDINGS[1:])}): words of run {run.name} are missing; levels with "
                f"words: {', '.join(self.levels()) or 'none'}"
            )
        return found


def _of_table(path: Path) -> Words:
    table = read_table(path)
    word = _column(path, table, WORD)
    onset, offset, duration, part = (
        _column(path, table, names, needed=names is ONSET)
        for names in (ONSET, OFFSET, DURATION, PART)
    )
    begins = numbers(path, onset, table[onset])
    if offset:
        ends = numbers(path, offset, table[offset])
    else:
        ends = begins + (numbers(path, duration, table[duration]) if duration else 0)
    rows = range(len(begins))
    groups = (
        [list(own) for _, own in groupby(rows, key=lambda row: table[part][row])]
        if part
        else [[row] for row in rows]
    )
    return _words(
        [table[word][own[0]] for own in groups],
        [begins[own[0]] for own in groups],
        [ends[own[-1]] for own in groups],
    )


def _words(words: Sequence[str], begins: Sequence[float], ends: Sequence[float]) -> Words:
    """An end before the beginning is none: times of aligners are now and then so."""
    onset, offset = np.array(begins, np.float64), np.array(ends, np.float64)
    backward = offset < onset
    offset[backward] = np.nan
    return Words(tuple(words), onset, offset, int(backward.sum()))


def _of_grid(path: Path, level: str) -> Words:
    tiers = read_textgrid(path)
    plain = {name.strip('"').lower(): name for name in tiers}
    name = next((plain[n] for n in (level.lower(), *TIERS) if n in plain), None)
    if name is None:
        raise DataError(
            f"{path}: has no tier {level}, word or words; it has {', '.join(tiers) or 'none'}"
        )
    own = [one for one in tiers[name] if one.label.lower() not in SILENCE]
    labels, starts, ends = ([one[place] for one in own] for place in (2, 0, 1))
    return _words(labels, starts, ends)  # type: ignore[arg-type]  # of an interval, by its places


def _column(
    path: Path, table: Mapping[str, Sequence[str]], names: Sequence[str], *, needed: bool = True
) -> str:
    """The column that has one of the names; "" if there is none and none is needed."""
    plain = {name.lower(): name for name in table}
    found = next((plain[name] for name in names if name in plain), "")
    if needed and not found:
        raise DataError(f"{path}: has no column {' or '.join(names)}; it has {', '.join(table)}")
    return found


def _check(path: Path, found: Words, run: Run) -> None:
    if not found.timed.any():
        raise DataError(f"{path}: no word has a time")
    beyond = int((found.onset[found.timed] > run.seconds).sum())
    if 2 * beyond > int(found.timed.sum()):
        raise DataError(
            f"{path}: {beyond} of {int(found.timed.sum())} words begin after the {run.seconds} s of run "
            f"{run.name}; times must be seconds from the start of its stimulus"
        )
