"""The modality `words`: each word in time, read by a language model in the words before it.

    x[i] = pool over the tokens of word i of h(w[i-N+1] ... w[i])

h are the hidden states of the model for the last N words, which end with word i: nothing that comes later
is seen, by masked models neither. Tokens of a word are those whose characters are in it, by the
tokenizer's offsets, so that a word of several tokens is one row. `tokens: avg` their mean, `last` the last.
A context that is longer than the model can read loses its first words. Each distinct context is read
once. A row a word; its time is the middle of the word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.errors import ExtractionError
from d2b_ray.features.checks import check_choice, check_layers, check_positive
from d2b_ray.features.spoken.reader import LAST, collect_contexts
from d2b_ray.features.text.averages import mean_rows
from d2b_ray.features.text.extract import load, source
from d2b_ray.features.text.forward import embed
from d2b_ray.features.text.long_texts import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from d2b_ray.arrays import FloatArray
    from d2b_ray.data.word_tables import Words
    from d2b_ray.features.text.model import TextModel

__all__ = ["extract", "load", "piece_of", "source", "text_rows"]


def extract(
    model: Any,
    words: Mapping[str, Words],
    *,
    context: int,
    layers: Sequence[int],
    tokens: str,
    batch_tokens: int,
) -> Iterator[tuple[str, dict[int, FloatArray]]]:
    """Per run, in the order of `words`: its name and {layer: (timed words, width) float32}."""
    check_positive(context=context)
    said = collect_contexts(words, context)
    rows = text_rows(model, said.texts, layers=layers, tokens=tokens, batch_tokens=batch_tokens)
    for run, index in said.index.items():
        yield run, {layer: mean_rows(found, index) for layer, found in rows.items()}


def text_rows(
    model: Any,
    texts: Sequence[str],
    *,
    layers: Sequence[int],
    tokens: str,
    batch_tokens: int,
) -> dict[int, FloatArray]:
    """{layer: (texts, width) float32}: the last word of each context, as `reader` marks it."""
    check_positive(batch_tokens=batch_tokens)
    check_layers(model.source, layers)
    check_choice("tokens", tokens, ("avg", "last"))
    pieces = [(piece_of(model, text),) for text in texts]
    return embed(model, pieces, layers=layers, tokens=tokens, batch_tokens=batch_tokens)


def piece_of(model: TextModel, text: str) -> Piece:
    """Tokens of a context, of which those of its last word count; ExtractionError if it has none."""
    before, _, word = text.rpartition(LAST)
    words = before.split(" ") if before else []
    while True:
        shown = " ".join([*words, word])
        start = len(shown) - len(word)
        found = model.tokenizer(shown, return_offsets_mapping=True, verbose=False)
        ids = tuple(found["input_ids"])
        own = [n for n, (a, b) in enumerate(found["offset_mapping"]) if b > max(a, start)]
        if model.max_tokens is None or len(ids) <= model.max_tokens or not words:
            break
        words = words[max(1, len(words) - model.max_tokens) :]
    if not own:
        raise ExtractionError(
            f"model {model.source.name!r}: word {word!r} has no tokens; remove it from the table of words"
        )
    return Piece(ids, own[0], own[-1] + 1)
