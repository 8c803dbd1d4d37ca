"""The modality `surprisal`: two numbers a word, of what a causal language model expected before it.

    surprisal[i] = - sum over the tokens k of word i of log2 p(k | what stands before k)     (bits)
    entropy[i]   = - sum over all tokens v of p(v) log2 p(v), p before the first token of word i     (bits)

in the last N words that end with word i, behind the token that begins a text where the tokenizer has one. A
token with nothing before it has no probability and counts 0. Only the states before the word's tokens
go through the head of the model. A row a word, its time the middle of the word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import ExtractionError
from d2b_ray.features.checks import check_positive
from d2b_ray.features.models.shrinking import Shrinking
from d2b_ray.features.models.sources import NO_LAYER, checkpoint_source
from d2b_ray.features.spoken.extract import piece_of
from d2b_ray.features.spoken.reader import collect_contexts
from d2b_ray.features.text.averages import mean_rows
from d2b_ray.features.text.batches import batches
from d2b_ray.features.text.forward import pad_right
from d2b_ray.features.text.long_texts import Piece
from d2b_ray.features.text.model import load_text_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from d2b_ray.arrays import FloatArray
    from d2b_ray.data.word_tables import Words
    from d2b_ray.features.models.sources import ModelSource
    from d2b_ray.features.text.model import TextModel

__all__ = ["check_causal", "extract", "load", "source", "text_rows"]

COLUMNS = 2  # surprisal, entropy


def source(model: str, base: str | None, modality: str) -> ModelSource:
    """What a model's name stands for."""
    return checkpoint_source(model, base, modality, lambda read, config: (1, (COLUMNS,)))


def load(source: ModelSource, *, device: str, dtype: str) -> TextModel:
    """The language model of a source with its head; ExtractionError for one that sees what comes later."""
    model = load_text_model(source, device=device, dtype=dtype, auto_class="AutoModelForCausalLM")
    check_causal(model)
    return model


def extract(
    model: Any,
    words: Mapping[str, Words],
    *,
    context: int,
    layers: Sequence[int],
    batch_tokens: int,
) -> Iterator[tuple[str, dict[int, FloatArray]]]:
    """Per run, in the order of `words`: its name and {layer: (timed words, 2) float32}."""
    check_positive(context=context)
    said = collect_contexts(words, context)
    (rows,) = text_rows(model, said.texts, layers=layers, batch_tokens=batch_tokens).values()
    for run, index in said.index.items():
        yield run, {NO_LAYER: mean_rows(rows, index)}


def text_rows(
    model: Any, texts: Sequence[str], *, layers: Sequence[int], batch_tokens: int
) -> dict[int, FloatArray]:
    """{NO_LAYER: (texts, 2) float32}: surprisal and entropy of the last word of each context."""
    check_positive(batch_tokens=batch_tokens)
    pieces = [_begun(model, piece_of(model, text)) for text in texts]
    lengths = [len(piece.ids) for piece in pieces]
    found = np.zeros((len(pieces), COLUMNS), np.float32)

    def forward(batch: list[int]) -> FloatArray:
        return _measured(model, [pieces[number] for number in batch])

    shrinking = Shrinking[int](lambda batch: len(batch) * max(lengths[n] for n in batch))
    for batch, rows in shrinking(batches(lengths, batch_tokens), forward):
        found[batch] = rows
    if not np.isfinite(found).all():
        raise ExtractionError(
            f"model {model.source.name!r}: values are not finite; float16 may overflow in this model: use "
            "dtype: bfloat16 or float32"
        )
    return {NO_LAYER: found}


def _begun(model: TextModel, piece: Piece) -> Piece:
    """Behind the token that begins a text, if there is one and the tokenizer has not put it."""
    first = model.tokenizer.bos_token_id
    full = model.max_tokens is not None and len(piece.ids) >= model.max_tokens
    if first is None or piece.ids[0] == first or full:
        return piece
    return Piece((int(first), *piece.ids), piece.start + 1, piece.stop + 1)


def _measured(model: TextModel, pieces: Sequence[Piece]) -> FloatArray:
    """Rows (pieces, 2) of one batch."""
    import torch

    padded, mask = pad_right([piece.ids for piece in pieces], model.pad_id)
    with torch.inference_mode():
        states = _states(model, padded, mask)
        row: list[int] = []
        place: list[int] = []
        for number, piece in enumerate(pieces):
            own = range(max(1, piece.start), piece.stop)
            row += [number] * len(own)
            place += own
        found = torch.zeros((len(pieces), COLUMNS), dtype=torch.float64)
        if not row:
            return found.float().numpy()
        rows, places = torch.tensor(row), torch.tensor(place)
        before = states[rows.to(states.device), (places - 1).to(states.device)]
        log_p = torch.log_softmax(model.network.get_output_embeddings()(before).float(), -1)
        token = padded[rows, places].to(log_p.device)[:, None]
        said = log_p.gather(1, token)[:, 0].cpu()  # of a whole vocabulary, a number a place leaves
        bits = (-said / np.log(2)).double()
        found[:, 0].index_add_(0, rows, bits)
        open_ = (-(log_p.exp() * log_p).sum(-1) / np.log(2)).cpu()
        for at, (number, where) in enumerate(zip(row, place, strict=True)):
            if where == pieces[number].start:
                found[number, 1] = float(open_[at])
    return found.float().numpy()


def _states(model: TextModel, padded: Any, mask: Any) -> Any:
    """What the head of the model is given (B, T, D)."""
    body = model.network.base_model
    output = body(input_ids=padded.to(model.device), attention_mask=mask.to(model.device))
    return output.last_hidden_state


def check_causal(model: TextModel) -> None:
    """ExtractionError unless two texts that differ in their last token have the same states before it."""
    import torch

    ids = model.tokenize(["one two three four"])[0]
    if len(ids) < 2:
        return
    pair = torch.tensor([ids, [*ids[:-1], ids[0]]])
    with torch.inference_mode():
        one, other = _states(model, pair, torch.ones_like(pair))[:, :-1].float().cpu()
    if not torch.allclose(one, other, atol=1e-2 * float(one.abs().max())):
        raise ExtractionError(
            f"model {model.source.name!r}: {model.source.kind} sees what comes later, so that no word "
            "surprises it; surprisal needs a causal model (GPT-2, Llama, OPT)"
        )
