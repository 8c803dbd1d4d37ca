"""The table of modalities. A modality is a module with `load` and `extract`; a new one is one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import d2b_ray.features.frames.extract as vision
import d2b_ray.features.pairs.extract as vision_language
import d2b_ray.features.sound.extract as audio
import d2b_ray.features.text.extract as semantic
import d2b_ray.features.words.extract as wordvectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from d2b_ray.arrays import FloatArray
    from d2b_ray.features.models.sources import ModelSource

__all__ = ["MODALITIES", "Modality"]


class Modality(Protocol):
    """What every modality offers. `load` returns a model that only its own `extract` understands."""

    @property
    def NEEDS(self) -> tuple[str, ...]:
        """What of the data set it reads: `captions`, `frames`, `sound`."""

    @property
    def extract(self) -> Callable[..., Iterator[tuple[str, dict[int, FloatArray]]]]:
        """(model, inputs, *, options) -> per run, in the order of the inputs: its name and
        {layer: (seconds, width) float32}. The options, and what the inputs are, differ."""

    def load(self, source: ModelSource, *, device: str, dtype: str) -> Any:
        """The model on `device`, ready to run; `dtype` is float32, float16 or bfloat16."""


MODALITIES: dict[str, Modality] = {
    "semantic": semantic,
    "wordvectors": wordvectors,
    "vision": vision,
    "audio": audio,
    "vision_language": vision_language,
}
