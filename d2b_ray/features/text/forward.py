"""Distinct texts -> one vector a text and layer: length-sorted batches, one forward pass each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.features.models.pooling import POOLS
from d2b_ray.features.models.shrinking import Shrinking
from d2b_ray.features.models.states import kept_rows
from d2b_ray.features.text.batches import batches
from d2b_ray.features.text.long_texts import Piece, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from d2b_ray.arrays import FloatArray
    from d2b_ray.features.reduction import Projection
    from d2b_ray.features.text.model import TextModel

__all__ = ["embed", "pad_flat", "pad_right"]


def embed(
    model: TextModel,
    texts: Sequence[tuple[Piece, ...]],
    *,
    layers: Sequence[int],
    tokens: str,
    batch_tokens: int,
    reduce: Projection | None = None,
) -> dict[int, FloatArray]:
    """{layer: (texts, width) float32}: pooled hidden states; layer 1 is the embedding output.

    Sequences are padded on the right and masked: positions count from the first real token in
    every kind of model, and padding changes nothing but the order of sums (about 1e-6). Pieces of a
    long text become one row.

    Args:
        model: as `load` returned it.
        texts: pieces a text, one or more, as `longtexts.encode` makes them.
        layers: wanted layers, from 1.
        tokens: a key of `POOLS`.
        batch_tokens: at most this many padded tokens a forward pass, but one text at least; fewer
            once the memory was full.
        reduce: projects the pooled rows, None for none.

    Raises ExtractionError if a value is not finite or a layer does not exist.
    """
    import torch

    def forward(batch: list[int]) -> dict[int, FloatArray]:
        with torch.inference_mode():
            hidden, counted = _forward(model, [pieces[number] for number in batch])
            return kept_rows(
                model.source.name, hidden, layers, lambda h: POOLS[tokens](h, counted), reduce
            )

    pooled: dict[int, FloatArray] = {}
    pieces = [piece for text in texts for piece in text]
    lengths = [len(piece.ids) for piece in pieces]
    shrinking = Shrinking[int](lambda batch: len(batch) * max(lengths[n] for n in batch))
    for batch, rows in shrinking(batches(lengths, batch_tokens), forward):
        for layer, vectors in rows.items():
            if layer not in pooled:
                pooled[layer] = np.zeros((len(pieces), vectors.shape[1]), dtype=np.float32)
            pooled[layer][batch] = vectors
    return {layer: joined(texts, rows, tokens) for layer, rows in pooled.items()}


def pad_flat(
    model: TextModel, texts: Sequence[tuple[Piece, ...]], n_tokens: int
) -> list[tuple[Piece, ...]]:
    """Texts filled to `n_tokens` with the tokenizer's padding, on its side; it counts as text.

    This is how drama2brain flattens: padding is attended, so all sequences have equal lengths.
    """
    padded: list[tuple[Piece, ...]] = []
    left = model.tokenizer.padding_side == "left"
    for (text,) in texts:
        filling = [model.pad_id] * (n_tokens - len(text.ids))
        ids = (*filling, *text.ids) if left else (*text.ids, *filling)
        padded.append((Piece(ids, 0, n_tokens),))
    return padded


def _forward(model: TextModel, pieces: Sequence[Piece]) -> tuple[tuple[Tensor, ...], Tensor]:
    """Hidden states of all layers, each (B, T, D), and which tokens count (B, 2), on the device."""
    import torch

    padded, mask = pad_right([piece.ids for piece in pieces], model.pad_id)
    counted = torch.tensor([(piece.start, piece.stop) for piece in pieces])
    output = model.network(
        input_ids=padded.to(model.device),
        attention_mask=mask.to(model.device),
        output_hidden_states=True,
    )
    return output.hidden_states, counted.to(model.device)


def pad_right(ids: Sequence[Sequence[int]], filling: int) -> tuple[Tensor, Tensor]:
    """Token numbers (B, T) and their mask (B, T), both int64, on the host; 0 marks padding."""
    import torch

    longest = max(len(text) for text in ids)
    padded = torch.full((len(ids), longest), filling, dtype=torch.long)
    for row, text in enumerate(ids):
        padded[row, : len(text)] = torch.tensor(text, dtype=torch.long)
    lengths = torch.tensor([len(text) for text in ids], dtype=torch.long)
    return padded, (torch.arange(longest)[None, :] < lengths[:, None]).long()
