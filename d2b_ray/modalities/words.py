"""Words in time, read by a language model: its options in a sweep, and its row of the table."""

from __future__ import annotations

from typing import Annotated, Literal

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Allowed, Axis, Name, Positive
from d2b_ray.spec.features import Dtype, FeatureBlock, Layers, Switch, Text

__all__ = ["MODALITY", "WordsBlock"]


class WordsBlock(FeatureBlock):
    """Words in time, each read by a language model in the words before it."""

    annotation: Axis[Name]
    """Level(s) of words: folders below `words` of the data set."""
    model: Axis[Text]
    """Named model, Hugging Face id, or local folder (`./my-model`)."""
    layers: Layers = "all"
    """Layers to fit, counted from 1 = embeddings."""
    context: Axis[Positive] = (20,)
    """How many words are read together, the word itself included."""
    tokens: Annotated[Literal["avg", "last"], Allowed("one of: avg, last")] = "last"
    """Mean over the tokens of the word, or its last one."""
    dtype: Dtype = "float32"
    """Type the model computes in. Features are always float32."""
    trust_remote_code: Switch = False
    """Whether code that comes with the model may run. It can do anything that you can."""


MODALITY = Modality(
    block=WordsBlock,
    extractor="d2b_ray.features.spoken.extract",
    needs=("words",),
    takes=("input_ids",),
    shards="texts",
    batch="batch_tokens",
    tokens_a_second=3 * 25,
    clock="words",
    sampling="lanczos",
)
