"""The block `dataset` of a sweep: what was measured, and how it is split. Not features (`features`)."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from d2b_ray.catalog.layouts import LAYOUTS
from d2b_ray.spec.closed import Allowed, Closed, NameIn, all_or_axis

__all__ = ["DatasetBlock"]

Text: TypeAlias = Annotated[str, Field(min_length=1), Allowed("text")]


Subjects: TypeAlias = Annotated[
    Literal["all"] | tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(all_or_axis),
    Allowed("all, or a subject, or a list of subjects; names of digits in quotes, such as '01'"),
]


class DatasetBlock(Closed):
    """Which data set, whose responses, and which split of the runs into training and validation."""

    layout: Annotated[str, NameIn(LAYOUTS, row=False)]
    """How the files lie: `drama2brain` (its tree), `arrays` (plain .npy), or a layout of a plug-in."""
    root: Text
    """Folder or URL of the data; a relative path starts at the working directory."""
    subjects: Subjects = "all"
    """Subjects to fit, or `all` of the data set."""
    split: Annotated[Literal["all", "splitA", "splitB"], Allowed("one of: all, splitA, splitB")] = (
        "all"
    )
    """Which column of the run table says what a run is used for."""
    extra_rows: Annotated[Literal["error", "cut"] | None, Allowed("error, cut, or left out")] = None
    """Rows behind the end of a run: refused, or cut; left out: as the layout has it (drama2brain: cut)."""
    bad_voxels: Annotated[Literal["drop", "error"], Allowed("one of: drop, error")] = "drop"
    """Voxels with values that are not finite, or one value only: left out and counted, or refused."""
