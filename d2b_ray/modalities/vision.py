"""Frames, seen by an image model: its options in a sweep, and its row of the table."""

from __future__ import annotations

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Axis
from d2b_ray.spec.features import (
    Dtype,
    FeatureReduction,
    FrameSize,
    FrameSource,
    Layers,
    PooledBlock,
    Pooling,
    Switch,
    Text,
)

__all__ = ["MODALITY", "VisionBlock"]


class VisionBlock(PooledBlock):
    """Frames, seen by an image model."""

    model: Axis[Text]
    """Named model, Hugging Face id, or local folder (`./my-model`)."""
    layers: Layers = "all"
    """Layers to fit, counted from 1 = embeddings."""
    source: FrameSource = "frames"
    """Where frames come from: folders of images, or video files."""
    frame_size: FrameSize = 224
    """Square that frames are resized to first; `null` leaves their shape to the model's processor."""
    reduce: FeatureReduction = FeatureReduction()
    """Projection of wide rows while they are made."""
    tokens: Pooling = "avg"
    """Pooling over the patches of a frame."""
    dtype: Dtype = "float32"
    """Type the model computes in. Features are always float32."""
    trust_remote_code: Switch = False
    """Whether code that comes with the model may run. It can do anything that you can."""


MODALITY = Modality(
    block=VisionBlock,
    extractor="d2b_ray.features.frames.extract",
    needs=("frames",),
    takes=("pixel_values",),
    shards="runs",
    batch="batch_size",
    tokens_a_second=2 * 200,
)
