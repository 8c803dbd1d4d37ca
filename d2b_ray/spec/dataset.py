"""The block `dataset` of a sweep: what was measured, and how it is split. Not features (`features`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from d2b_ray.catalog.layouts import LAYOUTS
from d2b_ray.spec.closed import Allowed, Closed, NameIn, all_or_axis, as_axis

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DatasetBlock", "ResponsesBlock", "TimeBlock", "responses_words"]

Text: TypeAlias = Annotated[str, Field(min_length=1), Allowed("text")]


Subjects: TypeAlias = Annotated[
    Literal["all"] | tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(all_or_axis),
    Allowed("all, or a subject, or a list of subjects; names of digits in quotes, such as '01'"),
]


Number: TypeAlias = Annotated[float, Allowed("a number")]
Above: TypeAlias = Annotated[float, Field(gt=0), Allowed("a number > 0 (seconds)")]


def _entries(value: Any) -> Any:
    return () if value in ([], ()) else as_axis(value)


class TimeBlock(Closed):
    """How times of the stimulus are times of the scanner."""

    slice_reference: Annotated[float, Field(ge=0, le=1), Allowed("a number from 0 to 1")] = 0.5
    """Which part of a TR a sample stands for: 0 its start, 0.5 its middle (as fMRIPrep has it), 1 its end."""
    offset_s: Number = 0.0
    """When the stimulus began, in seconds after the first sample of the run."""
    stretch: Annotated[float, Field(gt=0), Allowed("a number > 0")] = 1.0
    """Seconds that a second of the stimulus took (slowed sound: above 1)."""


class ResponsesBlock(Closed):
    """What is done with the responses of each run before anything is fitted, in this order."""

    detrend: Annotated[
        Literal["none", "linear", "cosine", "median", "savgol"],
        Allowed("one of: none, linear, cosine, median, savgol"),
    ] = "none"
    """Slow drift that is taken away: a line, cosines, a running median, Savitzky-Golay of order 3."""
    window_s: Above = 120.0
    """What is slow: periods above it (cosine), or the length of the window (median, savgol)."""
    smoothing_mm: Annotated[float, Field(gt=0), Allowed("a number > 0 (mm), or null")] | None = None
    """Full width at half maximum of a Gaussian that volumes are smoothed by (bids), before all else."""
    parcels: Text | None = None
    """Image of labels (bids, volumes), from `root` on: responses are means over voxels of a label."""
    confounds: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        BeforeValidator(_entries),
        Allowed("a list of columns of the confounds, `*` for any ending"),
    ] = ()
    """Columns of the confounds that are regressed out, such as [trans_*, rot_*]."""
    zscore: Annotated[Literal["run", "none"] | None, Allowed("run, none, or left out")] = None
    """Each voxel to mean 0 and standard deviation 1 in each run; left out: `run`, drama2brain `none`."""

    def as_plain(self, layout: str) -> dict[str, Any]:
        """What is done, without what is not: part of the key of a fit."""
        found: dict[str, Any] = {}
        if self.smoothing_mm is not None:
            found["smoothing_mm"] = self.smoothing_mm
        if self.parcels is not None:
            found["parcels"] = self.parcels
        if self.detrend != "none":
            found["detrend"] = self.detrend
            found |= {} if self.detrend == "linear" else {"window_s": self.window_s}
        if self.confounds:
            found["confounds"] = list(self.confounds)
        default = "none" if layout == "drama2brain" else "run"
        if (self.zscore or default) == "run":
            found["zscore"] = "run"
        return found


class DatasetBlock(Closed):
    """Which data set, whose responses, and which split of the runs into training and validation."""

    layout: Annotated[str, NameIn(LAYOUTS, row=False)]
    """How files lie: `drama2brain` (its tree), `arrays` (plain .npy), `bids` (fMRIPrep), or a plug-in's."""
    root: Text
    """Folder or URL (`s3://bucket/data`) of the data; a relative path starts at the working directory."""
    subjects: Subjects = "all"
    """Subjects to fit, or `all` of the data set."""
    tr_s: Above | None = None
    """Seconds from sample to sample; left out: as the run table or the files say. drama2brain: 1."""
    run_table: Text | None = None
    """Run table, from `root` on; left out: runs.csv."""
    select: Annotated[
        dict[str, str] | None,
        Allowed("entities of BIDS and their values, such as {task: story, space: T1w}"),
    ] = None
    """Which of the files of layout `bids`: entities of their names (task, space, res, den, desc, ses ...)."""
    derivatives: Text | None = None
    """Folder of prepared data in `root` (bids); left out: derivatives/fmriprep, or the only one there is."""
    mask: Text | None = None
    """Image of the voxels that are fitted, from `root` on (bids); left out: what all masks share."""
    time: TimeBlock = TimeBlock()
    """The clock of the stimulus against that of the scanner."""
    responses: ResponsesBlock = ResponsesBlock()
    """What is done with the responses of each run."""
    split: Annotated[Literal["all", "splitA", "splitB"], Allowed("one of: all, splitA, splitB")] = (
        "all"
    )
    """Which column of the run table says what a run is used for."""
    extra_rows: Annotated[Literal["error", "cut"] | None, Allowed("error, cut, or left out")] = None
    """Rows behind the end of a run: refused, or cut; left out: as the layout has it (drama2brain: cut)."""
    bad_voxels: Annotated[Literal["drop", "error"], Allowed("one of: drop, error")] = "drop"
    """Voxels with values that are not finite, or one value only: left out and counted, or refused."""

    @property
    def options(self) -> dict[str, Any]:
        """Keys that only some layouts take, as far as they are given."""
        own = {k: getattr(self, k) for k in ("tr_s", "run_table", "select", "derivatives", "mask")}
        own |= {k: getattr(self.responses, k) for k in ("smoothing_mm", "parcels")}
        return {name: value for name, value in own.items() if value is not None}


def responses_words(plain: Mapping[str, Any]) -> str:
    """What is done with responses (`ResponsesBlock.as_plain`), in words for people."""
    detrend, window = plain.get("detrend"), plain.get("window_s", 0)
    told = []
    if "smoothing_mm" in plain:
        told.append(f"smoothed by {plain['smoothing_mm']:g} mm")
    if "parcels" in plain:
        told.append(f"means over parcels of {plain['parcels']}")
    if detrend is not None:
        told.append(
            {
                "linear": "a line taken out",
                "cosine": f"cosines of periods above {window:g} s taken out",
                "median": f"a running median of {window:g} s taken out",
                "savgol": f"a Savitzky-Golay filter of order 3 and {window:g} s taken out",
            }[detrend]
        )
    if "confounds" in plain:
        told.append(f"{', '.join(plain['confounds'])} regressed out")
    if "zscore" in plain:
        told.append("z-scored in each run")
    return ", ".join(told) or "as they are"
