"""Sound, heard by an audio model: its options in a sweep, and its row of the table."""

from __future__ import annotations

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Axis, Positive
from d2b_ray.spec.features import (
    Dtype,
    FeatureReduction,
    Layers,
    PooledBlock,
    Pooling,
    Switch,
    Text,
)

__all__ = ["MODALITY", "AudioBlock"]


class AudioBlock(PooledBlock):
    """Sound, heard by an audio model."""

    model: Axis[Text]
    """Named model, Hugging Face id, or local folder (`./my-model`)."""
    layers: Layers = "all"
    """Layers to fit, counted from 1 = embeddings."""
    window: Axis[Positive] = (1,)
    """How many seconds of sound are heard together, the current second included."""
    reduce: FeatureReduction = FeatureReduction()
    """Projection of wide rows while they are made."""
    tokens: Pooling = "avg"
    """Pooling over the positions in time."""
    dtype: Dtype = "float32"
    """Type the model computes in. Features are always float32."""
    trust_remote_code: Switch = False
    """Whether code that comes with the model may run. It can do anything that you can."""


MODALITY = Modality(
    block=AudioBlock,
    extractor="d2b_ray.features.sound.extract",
    needs=("sound",),
    takes=("input_values", "input_features"),
    shards="runs",
    batch="batch_size",
    tokens_a_second=600,
)
