"""Words in time, as their vectors: its options in a sweep, and its row of the table."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Allowed, Axis, Name
from d2b_ray.spec.features import FeatureBlock, Text

__all__ = ["MODALITY", "TimedVectorsBlock"]

NoLayers: TypeAlias = Annotated[
    Literal["all"], Allowed("all, or left out: word vectors have no layers")
]


class TimedVectorsBlock(FeatureBlock):
    """Words in time, as their vectors."""

    annotation: Axis[Name]
    """Level(s) of words: folders below `words` of the data set."""
    model: Axis[Text]
    """File of word vectors (`./glove.840B.300d.txt`), in GloVe's or word2vec's format."""
    layers: NoLayers = "all"
    """There are none; the folder is `layerNone`."""


MODALITY = Modality(
    block=TimedVectorsBlock,
    extractor="d2b_ray.features.words.timed",
    needs=("words",),
    layered=False,
    clock="words",
    sampling="lanczos",
)
