"""The table of modalities. A modality is a module with `load` and `extract`; a new one is one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import d2b_ray.features.semantic as semantic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from d2b_ray.arrays import FloatArray
    from d2b_ray.features.sources import ModelSource

__all__ = ["MODALITIES", "Modality"]


class Modality(Protocol):
    """What every modality offers. `load` returns a model that only its own `extract` understands."""

    def load(self, source: ModelSource, *, device: str, dtype: str) -> Any:
        """The model on `device`, ready to run; `dtype` is float32, float16 or bfloat16."""

    def extract(
        self,
        model: Any,
        captions: Mapping[str, Sequence[Sequence[str]]],
        *,
        window: int,
        annotators: Literal["ALL", "splitA", "splitB"],
        join: Literal["time", "sorted"],
        layers: Sequence[int],
        tokens: Literal["avg", "last", "flat"],
        batch_tokens: int,
    ) -> Iterator[tuple[str, dict[int, FloatArray]]]:
        """Per run, in the order of `captions`: its name and {layer: (seconds, width) float32}."""


MODALITIES: dict[str, Modality] = {"semantic": semantic}
