"""Captions -> the distinct texts a model has to read, and where in time each of them stands."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from d2b_ray.arrays import IntArray

__all__ = ["ABSENT", "ANNOTATORS", "JOINS", "Texts", "collect_texts", "is_silence"]

ABSENT = -1
INVISIBLE = "\u200b\u2060\ufeff"  # zero-width space, word joiner, byte order mark

JOINS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "time": lambda captions: [text for text, _ in groupby(captions)],
    "sorted": lambda captions: sorted(set(captions)),
}
"""Order of the captions of a window: as they come, repeats in a row once; or distinct, by code point."""

ANNOTATORS: dict[str, dict[int, slice]] = {
    "splitA": {5: slice(0, 3), 2: slice(0, 1)},
    "splitB": {5: slice(3, 5), 2: slice(1, 2)},
}
"""Columns of a half, by number of annotators: 1-3 / 4-5 of five, 1 / 2 of two."""


@dataclass(frozen=True, slots=True)
class Texts:
    """`texts`: distinct, in order of appearance; `index[run]`: (seconds, annotators) numbers of texts.

    `index` is -1 where an annotator says nothing.
    """

    texts: tuple[str, ...]
    index: Mapping[str, IntArray]

    def of(self, annotators: str) -> Texts:
        """Only what these annotators say; ExtractionError if they cannot be split so."""
        if annotators == "ALL":
            return self
        index = {run: rows[:, _columns(run, rows, annotators)] for run, rows in self.index.items()}
        used = np.unique(np.concatenate([rows.ravel() for rows in index.values()]))
        used = used[used != ABSENT]
        renumber = np.full(len(self.texts) + 1, ABSENT, dtype=np.int64)  # the last stands for -1
        renumber[used] = np.arange(len(used))
        texts = tuple(self.texts[number] for number in used)
        return Texts(texts, {run: renumber[rows] for run, rows in index.items()})


def is_silence(caption: str) -> bool:
    """Whether a caption says nothing: blanks of any script and full stops only, as `..`, `…`, `. .`, ''."""
    return all(sign in ".…" or sign.isspace() or sign in INVISIBLE for sign in caption)


def collect_texts(
    captions: Mapping[str, Sequence[Sequence[str]]], *, window: int, join: str
) -> Texts:
    """Texts of all runs: t[s, a] = join(c[max(0, s-w+1), a], ..., c[s, a]), without silence.

    Args:
        captions: run -> rows[second][annotator].
        window: w, seconds >= 1.
        join: a key of `JOINS`; the parts are joined by a comma without a space.

    Raises ExtractionError if the rows of a run have unequal numbers of annotators.
    """
    numbers: dict[str, int] = {}
    index: dict[str, IntArray] = {}
    for run, rows in captions.items():
        width = len(rows[0]) if rows else 0
        for second, row in enumerate(rows):
            if len(row) != width:
                raise ExtractionError(
                    f"captions of run {run!r}, second {second}: {len(row)} annotators where second 0 "
                    f"has {width}; every second needs one text an annotator, `..` for none"
                )
        index[run] = np.full((len(rows), width), ABSENT, dtype=np.int64)
        for annotator in range(width):
            column = [row[annotator] for row in rows]
            for second in range(len(rows)):
                parts = [
                    c for c in column[max(0, second - window + 1) : second + 1] if not is_silence(c)
                ]
                if parts:
                    text = ",".join(JOINS[join](parts))
                    index[run][second, annotator] = numbers.setdefault(text, len(numbers))
    return Texts(tuple(numbers), index)


def _columns(run: str, rows: IntArray, annotators: str) -> slice:
    count = rows.shape[1]
    if count not in ANNOTATORS[annotators]:
        raise ExtractionError(
            f"captions of run {run!r}: {count} annotators cannot be split; {annotators} is known for "
            f"{' and '.join(map(str, ANNOTATORS[annotators]))} annotators: use annotators: ALL"
        )
    return ANNOTATORS[annotators][count]
