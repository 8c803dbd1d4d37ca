"""Captions, as the vectors of their words: its options in a sweep, and its row of the table."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Allowed, Axis, Name, Positive
from d2b_ray.spec.features import (
    Annotators,
    FeatureBlock,
    Join,
    Pooling,
    Text,
)

__all__ = ["MODALITY", "WordVectorsBlock"]

NoLayers: TypeAlias = Annotated[
    Literal["all"], Allowed("all, or left out: word vectors have no layers")
]


class WordVectorsBlock(FeatureBlock):
    """Captions, as the vectors of their words."""

    annotation: Axis[Name]
    """Caption level(s), as the data set names them."""
    model: Axis[Text]
    """File of word vectors (`./glove.840B.300d.txt`), in GloVe's or word2vec's format."""
    layers: NoLayers = "all"
    """There are none; the folder is `layerNone`."""
    window: Axis[Positive] = (1,)
    """Captions of how many seconds are read together, the current second included."""
    tokens: Pooling = "avg"
    """Mean of the vectors of the words, or all of them side by side."""
    annotators: Axis[Annotators] = ("ALL",)
    """Whose captions are averaged."""
    join: Join = "time"
    """Order of the captions within a window: in time, or unique and sorted as in drama2brain."""
    unknown: Annotated[Literal["missing", "zeros"], Allowed("one of: missing, zeros")] = "missing"
    """An annotator without a known word is left out of the mean, or counts as zeros."""

    def of_preset(self, preset: str) -> dict[str, Any]:
        """Flattened, drama2brain counts an annotator without a known word as zeros."""
        if preset != "drama2brain":
            return {}
        return {"join": "sorted", **({"unknown": "zeros"} if self.tokens == "flat" else {})}


MODALITY = Modality(
    block=WordVectorsBlock,
    extractor="d2b_ray.features.words.extract",
    needs=("captions",),
    layered=False,
)
