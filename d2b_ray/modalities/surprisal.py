"""How surprising words are to a language model: its options in a sweep, and its row of the table."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Allowed, Axis, Name, Positive
from d2b_ray.spec.features import Dtype, FeatureBlock, Switch, Text

NoLayers: TypeAlias = Annotated[
    Literal["all"], Allowed("all, or left out: surprisal has no layers")
]

__all__ = ["MODALITY", "SurprisalBlock"]


class SurprisalBlock(FeatureBlock):
    """Surprisal of each word, and entropy before it, in bits: two columns."""

    annotation: Axis[Name]
    """Level(s) of words: folders below `words` of the data set."""
    model: Axis[Text]
    """Named causal model, Hugging Face id, or local folder (`./my-model`)."""
    layers: NoLayers = "all"
    """There are none; the folder is `layerNone`."""
    context: Axis[Positive] = (20,)
    """How many words are read together, the word itself included."""
    dtype: Dtype = "float32"
    """Type the model computes in. Features are always float32."""
    trust_remote_code: Switch = False
    """Whether code that comes with the model may run. It can do anything that you can."""


MODALITY = Modality(
    block=SurprisalBlock,
    extractor="d2b_ray.features.surprise.extract",
    needs=("words",),
    takes=("input_ids",),
    shards="texts",
    batch="batch_tokens",
    layered=False,
    tokens_a_second=3 * 25,
    clock="words",
    sampling="lanczos",
)
