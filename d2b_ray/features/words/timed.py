"""The modality `timedvectors`: words in time, as their vectors. A row a word, its time the word's middle.

    x[i] = v(word i)

Looked up as it stands, else without punctuation around it, else in lower case, else both; zeros where the
file knows none of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import ExtractionError
from d2b_ray.features.models.sources import NO_LAYER
from d2b_ray.features.words.extract import load, source
from d2b_ray.features.words.model import read_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from d2b_ray.arrays import FloatArray
    from d2b_ray.data.word_tables import Words

__all__ = ["extract", "load", "source"]

AROUND = " \t.,;:!?\"'()[]{}<>…“”‘’«»-–—"


def extract(
    model: Any, words: Mapping[str, Words], *, layers: Sequence[int] = (NO_LAYER,)
) -> Iterator[tuple[str, dict[int, FloatArray]]]:
    """Per run, in the order of `words`: its name and {NO_LAYER: (timed words, width) float32}.

    ExtractionError for layers, and for a file that knows no word of the data set.
    """
    if tuple(layers) != (NO_LAYER,):
        raise ExtractionError(
            f"model {model.source.name!r}: layers {list(layers)}; word vectors have none: leave layers out"
        )
    forms = {word: _forms(word) for own in words.values() for word in own.words}
    known = read_vectors(model.file, {form for own in forms.values() for form in own})
    if not known:
        raise ExtractionError(
            f"model {model.source.name!r}: the file knows none of {len(forms)} words of the data set"
        )
    for run, own in words.items():
        timed = [word for word, told in zip(own.words, own.timed, strict=True) if told]
        rows = np.zeros((len(timed), model.file.width), np.float32)
        for row, word in enumerate(timed):
            form = next((form for form in forms[word] if form in known), None)
            if form is not None:
                rows[row] = known[form]
        yield run, {NO_LAYER: rows}


def _forms(word: str) -> tuple[str, ...]:
    bare = word.strip(AROUND)
    return tuple(dict.fromkeys((word, bare, word.lower(), bare.lower())))
