"""Frames and captions, read together: its options in a sweep, and its row of the table."""

from __future__ import annotations

from typing import Annotated, Literal

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Allowed, Axis, Name
from d2b_ray.spec.features import (
    Annotators,
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

__all__ = ["MODALITY", "VisionLanguageBlock"]


class VisionLanguageBlock(PooledBlock):
    """Frames and captions, read together by a vision-language model."""

    annotation: Axis[Name]
    """Caption level(s), as the data set names them."""
    model: Axis[Text]
    """Named model, Hugging Face id, or local folder (`./my-model`)."""
    layers: Layers = "all"
    """Layers to fit, counted from 1 = embeddings (BridgeTower: its first cross-modal layer)."""
    source: FrameSource = "frames"
    """Where frames come from: folders of images, or video files."""
    frame_size: FrameSize = 224
    """Square that frames are resized to first; `null` leaves their shape to the model's processor."""
    reduce: FeatureReduction = FeatureReduction()
    """Projection of wide rows while they are made."""
    tokens: Pooling = "avg"
    """Pooling over the tokens of the image; those of the text are averaged."""
    annotators: Axis[Annotators] = ("ALL",)
    """Whose captions are averaged."""
    silence: Annotated[Literal["read", "skip"], Allowed("one of: read, skip")] = "read"
    """A caption `..` is read like any other, or counts as missing."""
    dtype: Dtype = "float32"
    """Type the model computes in. Features are always float32."""
    trust_remote_code: Switch = False
    """Whether code that comes with the model may run. It can do anything that you can."""


MODALITY = Modality(
    block=VisionLanguageBlock,
    extractor="d2b_ray.features.pairs.extract",
    needs=("frames", "captions"),
    takes=("input_ids",),
    shards="runs",
    batch="batch_size",
    tokens_a_second=2 * 400,
    parts=2,
)
