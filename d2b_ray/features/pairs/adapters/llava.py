"""LLaVA-v1.5: a dialogue in which the image's patches stand at the place of a token `<image>`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.errors import ExtractionError
from d2b_ray.features.pairs.adapters.parts import Parts, patches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

__all__ = ["image_tokens", "prompt", "split", "states", "tower"]

IMAGE = "<image>"


def prompt(caption: str, config: Any) -> str:
    """`USER: <image>`, the caption, `ASSISTANT:`, a line each; `<image>` once a patch."""
    if IMAGE in caption:
        raise ExtractionError(
            f"caption {caption!r}: holds {IMAGE}, which LLaVA reads as a picture; write it otherwise"
        )
    return f"USER: {IMAGE * image_tokens(config)}\n{caption}\nASSISTANT:"


def image_tokens(config: Any) -> int:
    """Patches, and the class token if the model keeps it."""
    count = patches(config.vision_config.image_size, config.vision_config.patch_size)
    return count + 1 if config.vision_feature_select_strategy == "full" else count


def tower(network: Any) -> Any:
    """Of images: its output does not depend on the caption."""
    return getattr(network, "model", network).vision_tower


def states(output: Any) -> Sequence[Any]:
    """Embeddings, then each layer of the language model: (B, T, D)."""
    found: Sequence[Any] = output.hidden_states
    return found


def split(state: Tensor, inputs: Mapping[str, Tensor], config: Any) -> Parts:
    """The image where its token was; the text is what stands before and after it."""
    at = inputs["input_ids"] == config.image_token_id  # (B, T), at one place in all prompts
    start, length = int(at[0].int().argmax()), image_tokens(config)
    return Parts(state[:, start : start + length], state, inputs["attention_mask"] * ~at)
