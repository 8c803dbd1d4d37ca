"""GIT: one sequence, the class token and the patches of the image before the caption.

The split is fixed at 1 + patches tokens. drama2brain's moves by a token at every caption, by mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.features.pairs.adapters.parts import Parts, patches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

__all__ = ["image_tokens", "prompt", "split", "states", "tower"]


def prompt(caption: str, config: Any) -> str:
    """The caption as it is."""
    return caption


def image_tokens(config: Any) -> int:
    """1 + patches."""
    return 1 + patches(config.vision_config.image_size, config.vision_config.patch_size)


def tower(network: Any) -> Any:
    """Of images: its output does not depend on the caption."""
    return getattr(network, "git", network).image_encoder


def states(output: Any) -> Sequence[Any]:
    """Embeddings, then each layer: (B, Ti + Tt, D)."""
    found: Sequence[Any] = output.hidden_states
    return found


def split(state: Tensor, inputs: Mapping[str, Tensor], config: Any) -> Parts:
    """The first tokens are the image's, the rest the caption's."""
    image = image_tokens(config)
    return Parts(state[:, :image], state[:, image:], inputs["attention_mask"])
