"""The modality `semantic`: captions read by a language model. A feature row a second.

    x[s] = mean over annotators a present of v(t[s, a])

t[s, a] is the text of the window that ends at second s (`windows`), v its pooled hidden states
(`forward`); rows without any annotator are zero. Each distinct text of all runs is run once. Memory
does not grow with the number of runs, but for texts that come again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from d2b_ray.errors import ExtractionError
from d2b_ray.features.checks import check_choice, check_layers, check_positive
from d2b_ray.features.models.pooling import POOLS
from d2b_ray.features.models.sizes import text_sizes
from d2b_ray.features.models.sources import checkpoint_source
from d2b_ray.features.text.averages import mean_rows
from d2b_ray.features.text.forward import embed, pad_flat
from d2b_ray.features.text.long_texts import LONG_TEXTS, Piece, encode
from d2b_ray.features.text.model import TextModel, load_text_model
from d2b_ray.features.text.reader import ABSENT, ANNOTATORS, JOINS, Texts, collect_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from d2b_ray.arrays import FloatArray, IntArray
    from d2b_ray.features.models.sources import ModelSource
    from d2b_ray.features.reduction import Projection

__all__ = ["extract", "load", "source", "stretches", "text_rows"]

TOGETHER_BYTES = 1 << 30  # rows of distinct texts that are kept at once, for runs of usual length
FLOAT32_BYTES = 4


def source(model: str, base: str | None, modality: str) -> ModelSource:
    """What a model's name stands for; its config.json says its layers and widths."""
    return checkpoint_source(model, base, modality, text_sizes)


def load(source: ModelSource, *, device: str, dtype: str) -> TextModel:
    """The language model of a source; see `textmodel.load_text_model`."""
    return load_text_model(source, device=device, dtype=dtype)


def extract(
    model: Any,
    captions: Mapping[str, Sequence[Sequence[str]]],
    *,
    window: int,
    annotators: Literal["ALL", "splitA", "splitB"],
    join: Literal["time", "sorted"],
    layers: Sequence[int],
    tokens: Literal["avg", "last", "flat"],
    batch_tokens: int,
    reduce: Projection | None = None,
    long_texts: Literal["truncate", "slide"] = "truncate",
) -> Iterator[tuple[str, dict[int, FloatArray]]]:
    """Per run, in the order of `captions`: its name and {layer: (seconds, width) float32}.

    Args:
        model: as `load` returned it.
        captions: run -> rows[second][annotator]; `..` and '' say nothing.
        window: seconds >= 1 a text spans, the present one included.
        annotators: ALL, or a half of five (1-3 / 4-5) or of two (1 / 2).
        join: `time` as they come, repeats in a row once; `sorted` as drama2brain, distinct sorted.
        layers: from 1, the embedding output, to `n_layers`.
        tokens: `avg` over tokens, `last` token, or `flat`: (seconds, tokens · width), every text
            padded to the longest of all runs and annotators.
        batch_tokens: padded tokens a forward pass holds at most; fewer once the memory was full.
        reduce: projects wide rows as they are made, None for none.
        long_texts: longer than the model can read: `truncate`, or `slide` windows over them.

    Raises ExtractionError at the call for what is asked wrongly, before the model runs.
    """
    check_positive(window=window, batch_tokens=batch_tokens)
    check_layers(model.source, layers)
    check_choice("annotators", annotators, ("ALL", *ANNOTATORS))
    check_choice("join", join, JOINS)
    _check_tokens(tokens, long_texts)
    said = collect_texts(captions, window=window, join=join)
    used = said.of(annotators)
    texts = encode(model, used.texts, long_texts)
    if tokens == "flat":
        texts = pad_flat(model, texts, max(map(len, model.tokenize(said.texts)), default=1))
    return _runs(model, used, texts, tuple(layers), tokens, batch_tokens, reduce)


def text_rows(
    model: Any,
    texts: Sequence[str],
    *,
    layers: Sequence[int],
    tokens: Literal["avg", "last"],
    batch_tokens: int,
    reduce: Projection | None = None,
    long_texts: Literal["truncate", "slide"] = "truncate",
) -> dict[int, FloatArray]:
    """{layer: (texts, width) float32}: v of each text. Options as `extract` has them.

    Raises ExtractionError for what is asked wrongly; flat rows depend on the other texts.
    """
    check_positive(batch_tokens=batch_tokens)
    check_layers(model.source, layers)
    check_choice("tokens", tokens, ("avg", "last"))
    _check_tokens(tokens, long_texts)
    return embed(
        model,
        encode(model, texts, long_texts),
        layers=layers,
        tokens=tokens,
        batch_tokens=batch_tokens,
        reduce=reduce,
    )


def _check_tokens(tokens: str, long_texts: str) -> None:
    check_choice("tokens", tokens, POOLS)
    check_choice("long_texts", long_texts, LONG_TEXTS)
    if tokens == "flat" and long_texts == "slide":
        raise ExtractionError(
            "long_texts: slide has no meaning for tokens: flat, whose texts have one length; use "
            "truncate, or tokens: avg"
        )


def _runs(
    model: TextModel,
    used: Texts,
    texts: list[tuple[Piece, ...]],
    layers: tuple[int, ...],
    tokens: str,
    batch_tokens: int,
    reduce: Projection | None,
) -> Iterator[tuple[str, dict[int, FloatArray]]]:
    """Run by run, a stretch of runs at once; rows of texts that come again later are kept."""
    width = model.source.width * (texts[0][0].counted if tokens == "flat" and texts else 1)
    width = width if reduce is None else reduce.columns(width)
    limit = max(1, TOGETHER_BYTES // (FLOAT32_BYTES * width * len(layers)))
    parts = list(stretches(used.index, limit))
    last = np.zeros(len(used.texts) + 1, dtype=np.int64)  # of each text, its last stretch
    for number, runs in enumerate(parts):
        last[_texts_of(used, runs)] = number
    held = np.zeros(0, dtype=np.int64)  # numbers of the texts that `pooled` has rows of
    pooled = {layer: np.zeros((0, width), dtype=np.float32) for layer in layers}
    for number, runs in enumerate(parts):
        new = np.setdiff1d(_texts_of(used, runs), held)
        made = embed(
            model,
            [texts[number] for number in new.tolist()],
            layers=layers,
            tokens=tokens,
            batch_tokens=batch_tokens,
            reduce=reduce,
        )
        held = np.concatenate([held, new])
        for layer, rows in made.items():
            pooled[layer] = np.concatenate([pooled[layer], rows]) if len(pooled[layer]) else rows
        del made
        place = np.full(len(used.texts) + 1, ABSENT, dtype=np.int64)  # the last stands for -1
        place[held] = np.arange(len(held))
        for run in runs:
            index = place[used.index[run]]
            yield run, {layer: mean_rows(pooled[layer], index) for layer in layers}
        later = last[held] > number
        held = held[later]
        pooled = {layer: rows[later] for layer, rows in pooled.items()}


def _texts_of(used: Texts, runs: Sequence[str]) -> IntArray:
    """Numbers of the distinct texts of some runs, rising."""
    numbers = np.unique(np.concatenate([used.index[run].ravel() for run in runs]))
    found: IntArray = numbers[numbers != ABSENT]
    return found


def stretches(index: Mapping[str, IntArray], limit: int) -> Iterator[list[str]]:
    """Runs in order, as many at once as have at most `limit` distinct texts; one at least."""
    runs: list[str] = []
    texts: set[int] = set()
    for run, numbers in index.items():
        own = set(np.unique(numbers).tolist()) - {ABSENT}
        if runs and len(texts | own) > limit:
            yield runs
            runs, texts = [], set()
        runs.append(run)
        texts |= own
    if runs:
        yield runs
