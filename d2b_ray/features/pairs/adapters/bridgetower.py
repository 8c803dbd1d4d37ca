"""BridgeTower: a tower for the text, one for the image; its cross-modal layers hold a pair of both.

Only the cross-modal layers count as layers: layer 1 is the first of them, not the embeddings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.features.pairs.adapters.parts import Parts, patches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

__all__ = ["image_tokens", "prompt", "split", "states", "tower"]

CROSS_MODAL = 2  # of the hidden states: text tower, image tower, cross-modal layers


def prompt(caption: str, config: Any) -> str:
    """The caption as it is."""
    return caption


def image_tokens(config: Any) -> int:
    """1 + patches."""
    return 1 + patches(config.vision_config.image_size, config.vision_config.patch_size)


def tower(network: Any) -> Any:
    """None that runs as one piece: layers of both towers take turns."""
    return None


def states(output: Any) -> Sequence[Any]:
    """Each cross-modal layer: (text (B, Tt, D), image (B, Ti, D))."""
    found: Sequence[Any] = output.hidden_states[CROSS_MODAL]
    return found


def split(state: tuple[Tensor, Tensor], inputs: Mapping[str, Tensor], config: Any) -> Parts:
    """The pair itself."""
    text, image = state
    return Parts(image, text, inputs["attention_mask"])
