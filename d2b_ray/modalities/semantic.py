"""Captions, read by a language model: its options in a sweep, and its row of the table."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Allowed, Axis, Name, Positive
from d2b_ray.spec.features import (
    Annotators,
    Dtype,
    FeatureBlock,
    FeatureReduction,
    Join,
    Layers,
    Switch,
    Text,
)

__all__ = ["MODALITY", "SemanticBlock"]

LongTexts: TypeAlias = Annotated[Literal["truncate", "slide"], Allowed("one of: truncate, slide")]

SLIDE_WORDS = "truncate with tokens: flat, whose texts have one length; or slide with avg or last"


class SemanticBlock(FeatureBlock):
    """Captions, read by a language model."""

    annotation: Axis[Name]
    """Caption level(s), as the data set names them."""
    model: Axis[Text]
    """Named model, Hugging Face id, or local folder (`./my-model`)."""
    layers: Layers = "all"
    """Layers to fit, counted from 1 = embeddings."""
    window: Axis[Positive] = (1,)
    """Captions of how many seconds are read together, the current second included."""
    reduce: FeatureReduction = FeatureReduction()
    """Projection of wide rows while they are made."""
    tokens: Annotated[Literal["avg", "last", "flat"], Allowed("one of: avg, last, flat")] = "avg"
    """Pooling over the tokens of a text."""
    long_texts: LongTexts = "truncate"
    """Texts longer than the model can read: cut off, or read in windows that overlap by half."""
    annotators: Axis[Annotators] = ("ALL",)
    """Whose captions are averaged."""
    join: Join = "time"
    """Order of the captions within a window: in time, or unique and sorted as in drama2brain."""
    dtype: Dtype = "float32"
    """Type the model computes in. Features are always float32."""
    trust_remote_code: Switch = False
    """Whether code that comes with the model may run. It can do anything that you can."""

    @field_validator("long_texts")
    @classmethod
    def _flat_is_cut(cls, value: str, info: ValidationInfo) -> str:
        if value == "slide" and info.data.get("tokens") == "flat":
            raise PydanticCustomError("allowed", "{words}", {"words": SLIDE_WORDS})
        return value

    def of_preset(self, preset: str) -> dict[str, Any]:
        """Options that a preset fills in where the sweep says nothing."""
        return {"drama2brain": {"join": "sorted", "dtype": "float16"}}.get(preset, {})


MODALITY = Modality(
    block=SemanticBlock,
    extractor="d2b_ray.features.text.extract",
    needs=("captions",),
    takes=("input_ids",),
    shards="texts",
    batch="batch_tokens",
    released=True,
    tokens_a_second=None,
)
