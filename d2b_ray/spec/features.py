"""What the feature blocks of a sweep share, and which class a block has: its modality's.

The classes themselves, with the options that mean something to a modality and no others, are in
`modalities`, a file each; a new one is a row of `catalog.modalities`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.errors import SpecError
from d2b_ray.spec.closed import Allowed, Closed, NameIn, Positive, all_or_axis

__all__ = [
    "Annotators",
    "AnyFeatures",
    "Dtype",
    "FeatureBlock",
    "FeatureReduction",
    "FrameSize",
    "FrameSource",
    "Join",
    "Layers",
    "PooledBlock",
    "Pooling",
    "SamplingBlock",
    "Switch",
    "Text",
    "block_class",
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
Join: TypeAlias = Annotated[Literal["time", "sorted"], Allowed("one of: time, sorted")]
Dtype: TypeAlias = Annotated[
    Literal["float32", "float16", "bfloat16"], Allowed("one of: float32, float16, bfloat16")
]
FrameSize: TypeAlias = Annotated[
    int | None, Field(ge=1), Allowed("an integer >= 1 (pixels), or null for the frames as they are")
]
FrameSource: TypeAlias = Annotated[Literal["frames", "video"], Allowed("one of: frames, video")]
Pooling: TypeAlias = Annotated[Literal["avg", "flat"], Allowed("one of: avg, flat")]
Switch: TypeAlias = Annotated[bool, Allowed("true or false")]

REDUCE_WORDS = "none, {srp: eps} or {components: k}, with a seed if you like"
FLAT_WORDS = (
    "avg, or flat together with reduce: {srp: eps} or {components: k}; flat rows are 100,000 columns "
    "or more, and are never written whole"
)


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


class SamplingBlock(Closed):
    """How rows of features come to the samples of a recording (`design.sampling` has the formulas)."""

    method: Annotated[
        Literal["mean", "boxcar", "sum", "hold", "nearest", "lanczos"],
        Allowed("one of: mean, boxcar, sum, hold, nearest, lanczos"),
    ]
    """Which rows make a sample, and with what weights."""
    lobes: Positive = 3
    """Lobes of the Lanczos window."""
    cutoff_hz: Annotated[float, Field(gt=0), Allowed("a number > 0, or null")] | None = None
    """Cut-off of the Lanczos filter; `null`: half of the rate of the samples."""

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return {"method": value} if isinstance(value, str) else value


class FeatureBlock(Closed):
    """One family of feature spaces. Every list is an axis; the product of the axes is taken."""

    modality: Annotated[str, NameIn(MODALITIES)]
    """What is fed to which kind of model."""
    sampling: SamplingBlock | None = None
    """How rows come to samples, a word or a mapping; left out: mean, for events boxcar, for words lanczos."""

    @property
    def personal(self) -> bool:
        """Whether each subject has features of its own."""
        return False

    def of_preset(self, preset: str) -> dict[str, Any]:
        """Options that a preset fills in where the sweep says nothing: as a rule, none."""
        return {}


class PooledBlock(FeatureBlock):
    """What blocks of frames and sound share: flat rows are too wide to be written."""

    @field_validator("tokens", check_fields=False)
    @classmethod
    def _flat_is_reduced(cls, value: str, info: ValidationInfo) -> str:
        reduce = info.data.get("reduce")
        if value == "flat" and reduce is not None and reduce.is_none:
            raise PydanticCustomError("allowed", "{words}", {"words": FLAT_WORDS})
        return value


def block_class(value: Any) -> type[FeatureBlock]:
    """The class of a block as it stands in a document; of a wrong modality, what all blocks share.

    Raises SpecError for a plug-in that cannot be imported.
    """
    name = value.get("modality") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in MODALITIES:
        return FeatureBlock  # its message names all modalities
    found: type[FeatureBlock] = MODALITIES[name].block
    return found


def _as_block(value: Any) -> Any:
    if isinstance(value, FeatureBlock):
        return value
    if not isinstance(value, dict):
        raise PydanticCustomError(
            "allowed", "{words}", {"words": "a mapping with the key modality"}
        )
    try:
        block = block_class(value)
    except SpecError as error:
        raise PydanticCustomError("plugin", "{words}", {"words": str(error)}) from error
    return block.model_validate(value)


AnyFeatures: TypeAlias = Annotated[SerializeAsAny[FeatureBlock], BeforeValidator(_as_block)]
