"""Words in time -> the distinct contexts a model has to read, and which word each of them ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.features.text.reader import Texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.arrays import IntArray
    from d2b_ray.data.word_tables import Words

__all__ = ["LAST", "collect_contexts"]

LAST = "\x1f"  # stands before the word that a context ends with; ASCII's unit separator, in no word


def collect_contexts(words: Mapping[str, Words], context: int) -> Texts:
    """Contexts of all words that have a time: the `context` words that end with it, those without too.

    `index[run]` (timed words, 1). Blanks within a word (two words in one cell) are kept.
    """
    known: dict[str, int] = {}
    index: dict[str, IntArray] = {}
    for run, own in words.items():
        clean = [" ".join(word.replace(LAST, " ").split()) for word in own.words]
        places = np.flatnonzero(own.timed).tolist()
        found = np.empty((len(places), 1), np.int64)
        for row, place in enumerate(places):
            before = " ".join(w for w in clean[max(0, place - context + 1) : place] if w)
            text = f"{before}{LAST}{clean[place]}"
            found[row, 0] = known.setdefault(text, len(known)) if clean[place] else -1
        index[run] = found
    return Texts(tuple(known), index)
