"""The modality `wordvectors`: captions as the vectors of their words. A feature row a second.

    x[s] = mean over annotators a with a known word of v(t[s, a])

t[s, a] is the text of the window that ends at second s (`windows`), lower-cased and split on blanks;
v the mean of the vectors of its known words (`avg`), or these side by side (`flat`). Words are looked
up as they stand, punctuation included. There are no layers: all is layer `NO_LAYER`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from d2b_ray.errors import ExtractionError
from d2b_ray.features.checks import check_choice, check_positive
from d2b_ray.features.models.sources import NO_LAYER, ModelSource
from d2b_ray.features.text.averages import mean_rows
from d2b_ray.features.text.reader import ABSENT, ANNOTATORS, JOINS, collect_texts
from d2b_ray.features.words.model import VectorFile, probe, read_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from d2b_ray.arrays import FloatArray, IntArray

__all__ = ["WordVectors", "extract", "load", "source"]

TOKENS = ("avg", "flat")
UNKNOWN = ("missing", "zeros")


@dataclass(frozen=True, slots=True)
class WordVectors:
    """A file of word vectors, of which nothing is read before the words are known."""

    source: ModelSource
    file: VectorFile


def source(model: str, base: str | None, modality: str) -> ModelSource:
    """The file of a path, which starts at `base` if it is relative: one "layer", as wide as a vector."""
    path = Path(base or ".") / Path(model).expanduser()
    found = probe(path)
    return ModelSource(model, str(path.resolve()), found.format, 1, found.width, modality)


def load(source: ModelSource, *, device: str, dtype: str) -> WordVectors:
    """The file of a source. `device` and `dtype` change nothing: sums are made on the host."""
    return WordVectors(source, probe(Path(source.location)))


def extract(
    model: Any,
    captions: Mapping[str, Sequence[Sequence[str]]],
    *,
    window: int,
    annotators: Literal["ALL", "splitA", "splitB"],
    join: Literal["time", "sorted"],
    tokens: Literal["avg", "flat"],
    unknown: Literal["missing", "zeros"] = "missing",
    layers: Sequence[int] = (NO_LAYER,),
) -> Iterator[tuple[str, dict[int, FloatArray]]]:
    """Per run, in the order of `captions`: its name and {NO_LAYER: (seconds, width) float32}.

    Args:
        model: as `load` returned it.
        captions: run -> rows[second][annotator]; `..` and '' say nothing.
        window: seconds >= 1 a text spans, the present one included.
        annotators: ALL, or a half of five (1-3 / 4-5) or of two (1 / 2).
        join: `time` as they come, repeats in a row once; `sorted` as drama2brain, distinct sorted.
        tokens: `avg` over words, or `flat`: (seconds, words · width), filled with zeros to the
            largest number of known words in a text of all runs and annotators.
        unknown: an annotator without a known word is `missing`, or a row of `zeros` in the mean, as
            drama2brain has it where it flattens.
        layers: nothing but `NO_LAYER`.

    Raises ExtractionError at the call for what is asked wrongly, and for a damaged file.
    """
    check_positive(window=window)
    check_choice("annotators", annotators, ("ALL", *ANNOTATORS))
    check_choice("join", join, JOINS)
    check_choice("tokens", tokens, TOKENS)
    check_choice("unknown", unknown, UNKNOWN)
    if tuple(layers) != (NO_LAYER,):
        raise ExtractionError(
            f"model {model.source.name!r}: layers {list(layers)}; word vectors have none: leave "
            f"layers out (they are stored as layer {NO_LAYER})"
        )
    said = collect_texts(captions, window=window, join=join)
    used = said.of(annotators)
    known = read_vectors(model.file, {word for text in said.texts for word in _words(text)})
    most = max((len(_known(text, known)) for text in said.texts), default=1)
    width = model.file.width
    rows = np.zeros((len(used.texts), width * (most if tokens == "flat" else 1)), np.float32)
    number = np.full(len(used.texts) + 1, ABSENT, dtype=np.int64)  # the last stands for -1
    for text, words in enumerate(_known(text, known) for text in used.texts):
        if words:
            vectors = np.stack([known[word] for word in words])  # (words, width)
            made = vectors.mean(axis=0, dtype=np.float64) if tokens == "avg" else vectors.ravel()
            rows[text, : made.size] = made
        if words or unknown == "zeros":
            number[text] = text
    return _runs(rows, {run: number[index] for run, index in used.index.items()})


def _runs(
    rows: FloatArray, index: Mapping[str, IntArray]
) -> Iterator[tuple[str, dict[int, FloatArray]]]:
    for run, numbers in index.items():
        yield run, {NO_LAYER: mean_rows(rows, numbers)}


def _words(text: str) -> list[str]:
    return text.lower().split()


def _known(text: str, vectors: Mapping[str, FloatArray]) -> list[str]:
    return [word for word in _words(text) if word in vectors]
