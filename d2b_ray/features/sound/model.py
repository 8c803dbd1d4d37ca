"""A loaded Hugging Face audio model with its feature extractor; of an encoder-decoder, the encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import ExtractionError
from d2b_ray.features.models.checkpoint import load_network, load_part

if TYPE_CHECKING:
    from torch import Tensor

    from d2b_ray.arrays import FloatArray
    from d2b_ray.features.models.sources import ModelSource

__all__ = ["AudioModel", "load_audio_model"]

WHISPER = "whisper"
HALVED = 2  # Whisper's second convolution takes every other frame of the spectrogram
SPECTROGRAM_FRAME_S = 0.01  # AST


@dataclass(frozen=True, slots=True)
class AudioModel:
    """A network in evaluation mode, its feature extractor, and the samples a second it hears."""

    source: ModelSource
    network: Any
    extractor: Any
    rate: int

    def prepare(self, samples: FloatArray) -> dict[str, Tensor]:
        """{name: (1, ...)} of one stretch of sound; it is prepared alone, so batches change nothing."""
        made = self.extractor(
            np.ascontiguousarray(samples), sampling_rate=self.rate, return_tensors="pt"
        )
        return dict(made)

    def positions(self, window: int) -> int | None:
        """Positions of the hidden states that stand for `window` seconds of sound; None for all.

        Whisper always hears 30 s and fills them with silence, which is left out. AST fills its
        spectrogram too, but its positions mix time and frequency: all of them count.
        """
        if self.source.kind != WHISPER:
            return None
        return int(window * self.rate // self.extractor.hop_length // HALVED)

    def check_window(self, window: int) -> None:
        """Raise ExtractionError if the model cannot hear so long a stretch at once."""
        limits = {
            WHISPER: getattr(self.extractor, "chunk_length", 0),
            "audio-spectrogram-transformer": SPECTROGRAM_FRAME_S
            * getattr(self.extractor, "max_length", 0),
        }
        limit = limits.get(self.source.kind, window)
        if window > limit:
            raise ExtractionError(
                f"window: {window} s is more than model {self.source.name!r} hears at once; must be "
                f"1 to {int(limit)} s"
            )


def load_audio_model(source: ModelSource, *, device: str, dtype: str) -> AudioModel:
    """Network and feature extractor of a source on `device` ("cpu", "cuda", "cuda:1").

    Raises ExtractionError as `checkpoint.load_network` does, and for an encoder-decoder other than
    Whisper.
    """
    network = load_network(source, device=device, dtype=dtype)
    if network.config.is_encoder_decoder:
        if source.kind != WHISPER:
            raise ExtractionError(
                f"model {source.name!r}: {source.kind} is an encoder-decoder that d2b_ray does not "
                "know; take whisper, or a model with one stack of layers such as wav2vec2"
            )
        network = network.get_encoder()
    extractor = load_part(source, "AutoFeatureExtractor")
    return AudioModel(source, network, extractor, int(extractor.sampling_rate))
