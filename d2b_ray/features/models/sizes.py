"""Layers and widths of a model, read off its config.json. A modality sees one part of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["MODEL_MODALITIES", "sizes"]

LAYER_KEYS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
WIDTH_KEYS = ("hidden_size", "n_embd", "d_model", "dim")
ENCODER_KEYS = ("encoder_layers", *LAYER_KEYS)  # the half of an encoder-decoder that hears
NOT_WRITTEN = {"llama": {"num_hidden_layers": 32, "hidden_size": 4096}}
"""Sizes that a `model_type` has when its configuration leaves them out, as LLaVA's does."""

Config = dict[str, Any]


def sizes(name: str, path: Path, config: Config, modality: str) -> tuple[int, tuple[int, ...]]:
    """(layers, columns of an averaged row in each layer) as `modality` reads the model.

    Layers count the embedding output first, except for BridgeTower, which has its cross-modal
    layers only. Vision-language rows are [image, text], hence twice as wide as the model. Raises
    ExtractionError if the configuration does not say.
    """
    return MODEL_MODALITIES[modality](_Reader(name, path), config)


class _Reader:
    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path

    def size(self, config: Mapping[str, Any], keys: tuple[str, ...]) -> int:
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


def _semantic(read: _Reader, config: Config) -> tuple[int, tuple[int, ...]]:
    text = _part(config, "text_config")
    n_layers = read.size(text, LAYER_KEYS) + 1
    return n_layers, (read.size(text, WIDTH_KEYS),) * n_layers


def _vision(read: _Reader, config: Config) -> tuple[int, tuple[int, ...]]:
    picture = _part(config, "vision_config")
    stages = picture.get("hidden_sizes")
    if isinstance(stages, list) and stages:  # ResNet and its like: a width a stage
        widths = [int(width) for width in [picture.get("embedding_size") or stages[0], *stages]]
        return len(widths), tuple(widths)
    n_layers = read.size(picture, LAYER_KEYS) + 1
    return n_layers, (read.size(picture, WIDTH_KEYS),) * n_layers


def _audio(read: _Reader, config: Config) -> tuple[int, tuple[int, ...]]:
    sound = _part(config, "audio_config")
    n_layers = read.size(sound, ENCODER_KEYS) + 1
    return n_layers, (read.size(sound, WIDTH_KEYS),) * n_layers


def _vision_language(read: _Reader, config: Config) -> tuple[int, tuple[int, ...]]:
    if config["model_type"] == "bridgetower":
        n_layers = read.size(config, LAYER_KEYS)
        return n_layers, (2 * read.size(config, WIDTH_KEYS),) * n_layers
    n_layers, widths = _semantic(read, config)
    return n_layers, tuple(2 * width for width in widths)


MODEL_MODALITIES: dict[str, Callable[[_Reader, Config], tuple[int, tuple[int, ...]]]] = {
    "semantic": _semantic,
    "vision": _vision,
    "audio": _audio,
    "vision_language": _vision_language,
}
"""Modalities whose models have a config.json: f(reader, config) -> (layers, widths)."""
