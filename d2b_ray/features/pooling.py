"""Hidden states of the tokens of a text -> one vector, on the device, in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = ["POOLS"]


def _avg(hidden: Tensor, lengths: Tensor) -> Tensor:
    """y_b = mean_{t < length_b} h_bt; (B, T, D), (B,) -> (B, D). Special tokens count."""
    import torch

    padding = torch.arange(hidden.shape[1], device=hidden.device)[None, :] >= lengths[:, None]
    total = hidden.float().masked_fill(padding[:, :, None], 0.0).sum(dim=1)
    return total / lengths[:, None]


def _last(hidden: Tensor, lengths: Tensor) -> Tensor:
    """y_b = h_b,length_b - 1; (B, T, D), (B,) -> (B, D): the last token that is no padding."""
    import torch

    return hidden[torch.arange(len(lengths), device=hidden.device), lengths - 1].float()


def _flat(hidden: Tensor, lengths: Tensor) -> Tensor:
    """y_b = (h_b1, ..., h_bT) side by side; (B, T, D), (B,) -> (B, T·D), padding included."""
    return hidden.float().flatten(start_dim=1)


POOLS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"avg": _avg, "last": _last, "flat": _flat}
"""By name: f(hidden (B, T, D), padded on the right, lengths (B,)) -> float32; `flat` has equal lengths."""
