"""Layers and widths of a model, read off its config.json, a function for each part that is read.

    f(reader, config) -> (layers, columns of an averaged row in each layer)

Layers count the embedding output first. All raise ExtractionError if the configuration does not say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "Config",
    "ConfigReader",
    "SizesOf",
    "pair_sizes",
    "picture_sizes",
    "sound_sizes",
    "text_sizes",
]

LAYER_KEYS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
WIDTH_KEYS = ("hidden_size", "n_embd", "d_model", "dim")
ENCODER_KEYS = ("encoder_layers", *LAYER_KEYS)  # the half of an encoder-decoder that hears
NOT_WRITTEN = {"llama": {"num_hidden_layers": 32, "hidden_size": 4096}}
"""Sizes that a `model_type` has when its configuration leaves them out, as LLaVA's does."""

Config: TypeAlias = dict[str, Any]
LayerSizes: TypeAlias = tuple[int, tuple[int, ...]]


class ConfigReader:
    """Takes a size out of a configuration; `name` and `path` are for its message."""

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path

    def size(self, config: Mapping[str, Any], keys: tuple[str, ...]) -> int:
        """The first of `keys` that is there, an integer above 0; ExtractionError without any."""
        for key in keys:
            value = config.get(key)
            if isinstance(value, int) and value > 0:
                return value
        raise ExtractionError(
            f"model {self._name!r}: {self._path} has none of {', '.join(keys)}; d2b_ray needs one to "
            "know the model's layers and width: add it to the file"
        )


def _part(config: Config, key: str) -> Config:
    """The configuration of a part of the model, over that of the whole."""
    nested = config.get(key)
    if not isinstance(nested, dict):
        return config
    return {**config, **NOT_WRITTEN.get(str(nested.get("model_type")), {}), **nested}


def text_sizes(read: ConfigReader, config: Config) -> LayerSizes:
    """Of the text of a model, be it all of it or a part."""
    text = _part(config, "text_config")
    n_layers = read.size(text, LAYER_KEYS) + 1
    return n_layers, (read.size(text, WIDTH_KEYS),) * n_layers


def picture_sizes(read: ConfigReader, config: Config) -> LayerSizes:
    """Of the vision tower of a model that has one, else of all of it."""
    picture = _part(config, "vision_config")
    stages = picture.get("hidden_sizes")
    if isinstance(stages, list) and stages:  # ResNet and its like: a width a stage
        widths = [int(width) for width in [picture.get("embedding_size") or stages[0], *stages]]
        return len(widths), tuple(widths)
    n_layers = read.size(picture, LAYER_KEYS) + 1
    return n_layers, (read.size(picture, WIDTH_KEYS),) * n_layers


def sound_sizes(read: ConfigReader, config: Config) -> LayerSizes:
    """Of what hears: of an encoder-decoder, the encoder."""
    sound = _part(config, "audio_config")
    n_layers = read.size(sound, ENCODER_KEYS) + 1
    return n_layers, (read.size(sound, WIDTH_KEYS),) * n_layers


def pair_sizes(read: ConfigReader, config: Config) -> LayerSizes:
    """Rows are [image, text], hence twice as wide; BridgeTower has its cross-modal layers only."""
    if config["model_type"] == "bridgetower":
        n_layers = read.size(config, LAYER_KEYS)
        return n_layers, (2 * read.size(config, WIDTH_KEYS),) * n_layers
    n_layers, widths = text_sizes(read, config)
    return n_layers, tuple(2 * width for width in widths)


SizesOf: TypeAlias = Callable[[ConfigReader, Config], LayerSizes]
