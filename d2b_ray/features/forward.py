"""Distinct texts -> one vector a text and layer: length-sorted batches, one forward pass each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import ExtractionError
from d2b_ray.features.batches import batches
from d2b_ray.features.pooling import POOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from d2b_ray.arrays import FloatArray
    from d2b_ray.features.textmodel import TextModel

__all__ = ["embed", "pad_flat"]


def embed(
    model: TextModel,
    ids: Sequence[Sequence[int]],
    *,
    layers: Sequence[int],
    tokens: str,
    batch_tokens: int,
) -> dict[int, FloatArray]:
    """{layer: (texts, width) float32}: pooled hidden states; layer 1 is the embedding output.

    Sequences are padded on the right and masked: positions count from the first real token in
    every kind of model, and padding changes nothing but the order of sums (about 1e-6).

    Args:
        model: as `load` returned it.
        ids: token numbers a text, at least one each.
        layers: wanted layers, from 1.
        tokens: a key of `POOLS`.
        batch_tokens: at most this many padded tokens a forward pass, but one text at least.

    Raises ExtractionError if a value is not finite or a layer does not exist.
    """
    import torch

    pooled: dict[int, FloatArray] = {}
    with torch.inference_mode():
        for batch in batches([len(text) for text in ids], batch_tokens):
            hidden, lengths = _forward(model, [ids[number] for number in batch])
            if max(layers) > len(hidden):
                raise ExtractionError(
                    f"model {model.source.name!r}: layer {max(layers)} does not exist; layers are 1 "
                    f"(embeddings) to {len(hidden)}"
                )
            for layer in layers:
                vectors = POOLS[tokens](hidden[layer - 1], lengths)
                if not bool(torch.isfinite(vectors).all()):
                    raise ExtractionError(
                        f"model {model.source.name!r}, layer {layer}: values are not finite; float16 "
                        "may overflow in this model: use dtype: bfloat16 or float32"
                    )
                if layer not in pooled:
                    pooled[layer] = np.zeros((len(ids), vectors.shape[1]), dtype=np.float32)
                pooled[layer][batch] = vectors.cpu().numpy()
    return pooled


def pad_flat(model: TextModel, ids: Sequence[Sequence[int]], n_tokens: int) -> list[list[int]]:
    """Sequences filled to `n_tokens` with the tokenizer's padding, on its side; it counts as text.

    This is how drama2brain flattens: padding is attended, so all sequences have equal lengths.
    """
    padded = []
    for text in ids:
        filling = [model.pad_id] * (n_tokens - len(text))
        left = model.tokenizer.padding_side == "left"
        padded.append([*filling, *text] if left else [*text, *filling])
    return padded


def _forward(model: TextModel, ids: Sequence[Sequence[int]]) -> tuple[tuple[Tensor, ...], Tensor]:
    """Hidden states of all layers, each (B, T, D), and the lengths (B,), on the device."""
    import torch

    longest = max(len(text) for text in ids)
    padded = torch.full((len(ids), longest), model.pad_id, dtype=torch.long)
    for row, text in enumerate(ids):
        padded[row, : len(text)] = torch.tensor(text, dtype=torch.long)
    lengths = torch.tensor([len(text) for text in ids], dtype=torch.long)
    mask = (torch.arange(longest)[None, :] < lengths[:, None]).long()
    output = model.network(
        input_ids=padded.to(model.device),
        attention_mask=mask.to(model.device),
        output_hidden_states=True,
    )
    return output.hidden_states, lengths.to(model.device)
