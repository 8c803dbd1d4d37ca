"""The blocks `dataset` and `features` of a sweep: what was shown, and how it becomes vectors."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from d2b_ray.spec.closed import Allowed, Axis, Closed, Name, Positive, as_axis

__all__ = ["Annotators", "DatasetBlock", "FeatureBlock", "Layers"]

Text: TypeAlias = Annotated[str, Field(min_length=1), Allowed("text")]
Annotators: TypeAlias = Annotated[
    Literal["ALL", "splitA", "splitB"], Allowed("ALL, splitA or splitB")
]


def _all_or_axis(value: object) -> object:
    return value if value == "all" else as_axis(value)


Layers: TypeAlias = Annotated[
    Literal["all"] | tuple[Annotated[int, Field(ge=1)], ...],
    BeforeValidator(_all_or_axis),
    Allowed("all, or an integer >= 1 (1 = embeddings), or a list of them"),
]
Subjects: TypeAlias = Annotated[
    Literal["all"] | tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_all_or_axis),
    Allowed("all, or a subject, or a list of subjects"),
]


class DatasetBlock(Closed):
    """Which data set, whose responses, and which split of the runs into training and validation."""

    layout: Annotated[Literal["drama2brain", "arrays"], Allowed("one of: drama2brain, arrays")]
    """How the files lie: `drama2brain` (its tree) or `arrays` (plain .npy)."""
    root: Text
    """Folder or URL of the data; a relative path starts at the working directory."""
    subjects: Subjects = "all"
    """Subjects to fit, or `all` of the data set."""
    split: Annotated[Literal["all", "splitA", "splitB"], Allowed("one of: all, splitA, splitB")] = (
        "all"
    )
    """Which column of the run table says what a run is used for."""


class FeatureBlock(Closed):
    """One family of feature spaces. Every list is an axis; the product of the axes is taken."""

    modality: Annotated[Literal["semantic"], Allowed("one of: semantic")]
    """What is fed to the model: `semantic` is the text of captions."""
    annotation: Axis[Name]
    """Caption level(s), as the data set names them."""
    model: Axis[Text]
    """Named model, Hugging Face id, or local folder (`./my-model`)."""
    layers: Layers = "all"
    """Layers to fit, counted from 1 = embeddings."""
    window: Axis[Positive] = (1,)
    """Captions of how many seconds are read together, the current second included."""
    tokens: Annotated[Literal["avg", "last", "flat"], Allowed("one of: avg, last, flat")] = "avg"
    """Pooling over the tokens of a text."""
    annotators: Axis[Annotators] = ("ALL",)
    """Whose captions are averaged."""
    join: Annotated[Literal["time", "sorted"], Allowed("one of: time, sorted")] = "time"
    """Order of the captions within a window: in time, or unique and sorted as in drama2brain."""
    dtype: Annotated[
        Literal["float32", "float16", "bfloat16"], Allowed("one of: float32, float16, bfloat16")
    ] = "float32"
    """Type the model computes in. Features are always float32."""
