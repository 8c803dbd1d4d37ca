"""Features of one's own, an array a run: its options in a sweep, and its row of the table."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Allowed, Axis, Name
from d2b_ray.spec.features import FeatureBlock, Text

__all__ = ["MODALITY", "OwnBlock"]


class OwnBlock(FeatureBlock):
    """Features of one's own, an array a run."""

    model: Axis[Name]
    """Name(s) that are shown in tables and figures; `{model}` in the path stands for it."""
    path: Text
    """Files below `dataset.root`: `features/{run}.npy`, with `{subject}` if each subject has its own."""
    clock: Annotated[Literal["rate", "scans"], Allowed("one of: rate, scans")] = "rate"
    """When rows hold: `rate_hz` of them a second of the stimulus, or one a sample of the recording."""
    rate_hz: Annotated[float, Field(gt=0), Allowed("a number > 0")] = 1.0
    """Rows a second."""
    times: Text | None = None
    """Instead of a rate, files of onsets in seconds (rows,), or onsets and durations (rows, 2)."""

    @model_validator(mode="after")
    def _a_file_a_run(self) -> OwnBlock:
        for name, value in (("path", self.path), ("times", self.times)):
            if value is None:
                continue
            try:
                made = value.format(run="RUN", stimulus="RUN", model="", subject="")
            except (KeyError, IndexError, ValueError):
                made = ""
            if "RUN" not in made:
                words = f"a path with {{run}} or {{stimulus}}, and {{model}}, {{subject}} if need be ({name})"
                raise PydanticCustomError("allowed", "{words}", {"words": words})
        return self

    @property
    def personal(self) -> bool:
        """Where the path names the subject."""
        return "{subject}" in self.path + (self.times or "")


MODALITY = Modality(
    block=OwnBlock,
    reading="d2b_ray.features.given.own",
    word="own",
    layered=False,
)
