"""The entries of `features` in a sweep: one class a modality, told apart by `modality`.

A class has the options that mean something to its modality, and no others. A new modality joins
here: a class, and a line in `MODALITY_BLOCKS`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from d2b_ray.spec.closed import Allowed, Axis, Closed, Name, Positive, all_or_axis

__all__ = [
    "MODALITY_BLOCKS",
    "Annotators",
    "AnyFeatures",
    "AudioBlock",
    "FeatureBlock",
    "FeatureReduction",
    "Layers",
    "SemanticBlock",
    "VisionBlock",
    "VisionLanguageBlock",
    "WordVectorsBlock",
]

Text: TypeAlias = Annotated[str, Field(min_length=1), Allowed("text")]
Annotators: TypeAlias = Annotated[
    Literal["ALL", "splitA", "splitB"], Allowed("ALL, splitA or splitB")
]


Layers: TypeAlias = Annotated[
    Literal["all"] | tuple[Annotated[int, Field(ge=1)], ...],
    BeforeValidator(all_or_axis),
    Allowed("all, or an integer >= 1 (1 = embeddings), or a list of them"),
]
NoLayers: TypeAlias = Annotated[
    Literal["all"], Allowed("all, or left out: word vectors have no layers")
]
Join: TypeAlias = Annotated[Literal["time", "sorted"], Allowed("one of: time, sorted")]
Dtype: TypeAlias = Annotated[
    Literal["float32", "float16", "bfloat16"], Allowed("one of: float32, float16, bfloat16")
]
FrameSize: TypeAlias = Annotated[
    int | None, Field(ge=1), Allowed("an integer >= 1 (pixels), or null for the frames as they are")
]
FrameSource: TypeAlias = Annotated[Literal["frames", "video"], Allowed("one of: frames, video")]
Pooling: TypeAlias = Annotated[Literal["avg", "flat"], Allowed("one of: avg, flat")]
LongTexts: TypeAlias = Annotated[Literal["truncate", "slide"], Allowed("one of: truncate, slide")]
Switch: TypeAlias = Annotated[bool, Allowed("true or false")]

MODALITY_WORDS = "one of: semantic, wordvectors, vision, audio, vision_language"
REDUCE_WORDS = "none, {srp: eps} or {components: k}, with a seed if you like"
FLAT_WORDS = (
    "avg, or flat together with reduce: {srp: eps} or {components: k}; flat rows are 100,000 columns "
    "or more, and are never written whole"
)
SLIDE_WORDS = "truncate with tokens: flat, whose texts have one length; or slide with avg or last"


class FeatureReduction(Closed):
    """Fewer columns while they are made: `none`, `{srp: eps}` or `{components: k}`.

    A sparse random projection, which needs no fit: the same one for every run, layer by layer.
    """

    srp: Annotated[float, Field(gt=0, lt=1), Allowed("a number between 0 and 1 (eps)")] | None = (
        None
    )
    """eps of the Johnson-Lindenstrauss bound for all seconds of the data set."""
    components: Positive | None = None
    """Columns that are kept; rows that are no wider stay as they are."""
    seed: Annotated[int, Field(ge=0, lt=2**32), Allowed("an integer from 0 to 4294967295")] = 42
    """Seed of the projection."""

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, value: Any) -> Any:
        if value in ("none", {}):
            return {}
        if isinstance(value, FeatureReduction):
            return value
        if not isinstance(value, dict) or ("srp" in value) == ("components" in value):
            raise PydanticCustomError("allowed", "{words}", {"words": REDUCE_WORDS})
        return value

    @model_serializer
    def as_plain(self) -> str | dict[str, int | float]:
        """`none` or a mapping, as it is written in YAML."""
        if self.srp is not None:
            return {"srp": self.srp, "seed": self.seed}
        if self.components is not None:
            return {"components": self.components, "seed": self.seed}
        return "none"

    @property
    def is_none(self) -> bool:
        """Whether nothing is reduced."""
        return self.srp is None and self.components is None


class FeatureBlock(Closed):
    """One family of feature spaces. Every list is an axis; the product of the axes is taken."""


class _PooledBlock(FeatureBlock):
    """What blocks of frames and sound share: flat rows are too wide to be written."""

    @field_validator("tokens", check_fields=False)
    @classmethod
    def _flat_is_reduced(cls, value: str, info: ValidationInfo) -> str:
        reduce = info.data.get("reduce")
        if value == "flat" and reduce is not None and reduce.is_none:
            raise PydanticCustomError("allowed", "{words}", {"words": FLAT_WORDS})
        return value


class SemanticBlock(FeatureBlock):
    """Captions, read by a language model."""

    modality: Annotated[Literal["semantic"], Allowed(MODALITY_WORDS)]
    """What is fed to which kind of model."""
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


class WordVectorsBlock(FeatureBlock):
    """Captions, as the vectors of their words."""

    modality: Annotated[Literal["wordvectors"], Allowed(MODALITY_WORDS)]
    """What is fed to which kind of model."""
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


class VisionBlock(_PooledBlock):
    """Frames, seen by an image model."""

    modality: Annotated[Literal["vision"], Allowed(MODALITY_WORDS)]
    """What is fed to which kind of model."""
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


class AudioBlock(_PooledBlock):
    """Sound, heard by an audio model."""

    modality: Annotated[Literal["audio"], Allowed(MODALITY_WORDS)]
    """What is fed to which kind of model."""
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


class VisionLanguageBlock(_PooledBlock):
    """Frames and captions, read together by a vision-language model."""

    modality: Annotated[Literal["vision_language"], Allowed(MODALITY_WORDS)]
    """What is fed to which kind of model."""
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


MODALITY_BLOCKS: dict[str, type[FeatureBlock]] = {
    "semantic": SemanticBlock,
    "wordvectors": WordVectorsBlock,
    "vision": VisionBlock,
    "audio": AudioBlock,
    "vision_language": VisionLanguageBlock,
}


def _is_mapping(value: Any) -> Any:
    if not isinstance(value, dict | Closed):
        raise PydanticCustomError(
            "allowed", "{words}", {"words": "a mapping with the key modality"}
        )
    return value


def _modality(value: Any) -> str:
    """Tag of a block; a wrong modality is left to the first class, whose message names all."""
    found = value.get("modality") if isinstance(value, dict) else getattr(value, "modality", None)
    return found if isinstance(found, str) and found in MODALITY_BLOCKS else "semantic"


AnyFeatures: TypeAlias = Annotated[
    Annotated[
        Annotated[SemanticBlock, Tag("semantic")]
        | Annotated[WordVectorsBlock, Tag("wordvectors")]
        | Annotated[VisionBlock, Tag("vision")]
        | Annotated[AudioBlock, Tag("audio")]
        | Annotated[VisionLanguageBlock, Tag("vision_language")],
        Discriminator(_modality),
    ],
    BeforeValidator(_is_mapping),
]
