"""What an adapter gives: the image tokens and the text tokens of one layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Parts", "patches"]


class Parts(NamedTuple):
    """One layer of a batch: `image` (B, Ti, D); `text` (B, Tt, D), of which `mask` (B, Tt) counts."""

    image: Tensor
    text: Tensor
    mask: Tensor


def patches(image_size: int, patch_size: int) -> int:
    """Patches of a square image."""
    return (image_size // patch_size) ** 2
