"""Families of vision-language models: how each is asked, and where its image and text tokens are.

An adapter is a module with `prompt`, `image_tokens`, `tower`, `states` and `split`; a new family is one
file and one line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import d2b_ray.features.pairs.adapters.bridgetower as bridgetower
import d2b_ray.features.pairs.adapters.git as git
import d2b_ray.features.pairs.adapters.llava as llava

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from d2b_ray.features.pairs.adapters.parts import Parts

__all__ = ["ADAPTERS", "Adapter"]


class Adapter(Protocol):
    """What every family offers."""

    def prompt(self, caption: str, config: Any) -> str:
        """The text that goes to the tokenizer for a caption."""

    def image_tokens(self, config: Any) -> int:
        """Tokens that an image has in the hidden states."""

    def tower(self, network: Any) -> Any:
        """The module that sees images alone, (B, 3, H, W) -> (B, ...) each; None if none does."""

    def states(self, output: Any) -> Sequence[Any]:
        """What the network gave, a layer each."""

    def split(self, state: Any, inputs: Mapping[str, Tensor], config: Any) -> Parts:
        """Image and text tokens of one layer."""


ADAPTERS: dict[str, Adapter] = {"git": git, "bridgetower": bridgetower, "llava": llava}
"""By `model_type` of the configuration."""
