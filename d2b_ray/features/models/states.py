"""Hidden states of one batch -> a pooled, perhaps reduced, row an item and layer, on the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from d2b_ray.arrays import FloatArray
    from d2b_ray.features.reduction import Projection

__all__ = ["kept_rows"]


def kept_rows(
    name: str,
    states: Sequence[Any] | None,
    layers: Sequence[int],
    pool: Callable[[Any], Tensor],
    reduce: Projection | None = None,
) -> dict[int, FloatArray]:
    """{layer: (B, width) float32}: y_l = reduce(pool(states[l - 1])).

    Args:
        name: of the model, for messages.
        states: what the network gave, a layer each, embeddings first.
        layers: wanted layers, from 1.
        pool: state of a layer -> (B, width) float32 tensor.
        reduce: applied to the rows, None for none.

    Raises ExtractionError if a value is not finite or a layer does not exist.
    """
    import torch

    if states is None:
        raise ExtractionError(
            f"model {name!r}: gives no hidden states; take a transformers model that has "
            "output_hidden_states"
        )
    if max(layers) > len(states):
        raise ExtractionError(
            f"model {name!r}: layer {max(layers)} does not exist; layers are 1 (embeddings) to "
            f"{len(states)}"
        )
    pooled = {layer: pool(states[layer - 1]) for layer in layers}
    finite = torch.stack([torch.isfinite(rows).all() for rows in pooled.values()]).cpu()
    for layer, sound in zip(pooled, finite.tolist(), strict=True):
        if not sound:
            raise ExtractionError(
                f"model {name!r}, layer {layer}: values are not finite; float16 may overflow in this "
                "model: use dtype: bfloat16 or float32"
            )
    rows = {}
    for layer, vectors in pooled.items():
        host: FloatArray = vectors.cpu().numpy()
        rows[layer] = host if reduce is None else reduce(host)
    return rows
