"""Hidden states of the tokens of a text, or of an image or sound -> one vector, on the device, in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = ["POOLS", "POSITION_POOLS", "masked_avg"]


def masked_avg(hidden: Tensor, mask: Tensor) -> Tensor:
    """y_b = mean of h_bt where mask_bt; (B, T, D), (B, T) bool or 0 and 1 -> (B, D) float32."""
    counted = mask.bool()
    total = hidden.float().masked_fill(~counted[:, :, None], 0.0).sum(dim=1)
    return total / counted.sum(dim=1)[:, None]


def _avg(hidden: Tensor, counted: Tensor) -> Tensor:
    """y_b = mean_{start_b <= t < stop_b} h_bt; (B, T, D), (B, 2) -> (B, D). Special tokens count."""
    import torch

    places = torch.arange(hidden.shape[1], device=hidden.device)[None, :]
    return masked_avg(hidden, (places >= counted[:, :1]) & (places < counted[:, 1:]))


def _last(hidden: Tensor, counted: Tensor) -> Tensor:
    """y_b = h_b,stop_b - 1; (B, T, D), (B, 2) -> (B, D): the last token that counts."""
    import torch

    return hidden[torch.arange(len(counted), device=hidden.device), counted[:, 1] - 1].float()


def _flat(hidden: Tensor, counted: Tensor) -> Tensor:
    """y_b = (h_b1, ..., h_bT) side by side; (B, T, D), (B, 2) -> (B, T·D), padding included."""
    return hidden.float().flatten(start_dim=1)


POOLS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"avg": _avg, "last": _last, "flat": _flat}
"""By name: f(hidden (B, T, D), padded on the right, counted (B, 2)) -> float32; `flat` has equal lengths.

Tokens start_b to stop_b of `counted` count: all but the padding, or part of a window of a long text.
"""


def _avg_positions(hidden: Tensor) -> Tensor:
    """y_b = mean over positions; (B, T, D) -> (B, D), or maps (B, C, H, W) -> (B, C)."""
    if hidden.ndim == 4:
        return hidden.float().mean(dim=(2, 3))
    return hidden.float().mean(dim=1)


def _flat_positions(hidden: Tensor) -> Tensor:
    """y_b = all values side by side, positions outermost: (B, T, D) -> (B, T·D); maps (B, C·H·W)."""
    return hidden.float().flatten(start_dim=1)


POSITION_POOLS: dict[str, Callable[[Tensor], Tensor]] = {
    "avg": _avg_positions,
    "flat": _flat_positions,
}
"""By name: f(hidden) -> float32; for images and sound, where every position counts."""
