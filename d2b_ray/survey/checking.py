"""A look at all data that a sweep reads, before anything is computed: what is missing, wrong, or leaks.

Errors would end the run; warnings are for a person to judge. Every file is opened, responses are read once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.data import open_dataset
from d2b_ray.data.dataset import words_of
from d2b_ray.data.treatment import Treatment
from d2b_ray.data.unusable import unusable
from d2b_ray.errors import D2BError
from d2b_ray.features.stimuli import stimuli
from d2b_ray.plan import feature_units
from d2b_ray.plan.axes import chosen_subjects
from d2b_ray.store import fingerprint_files
from d2b_ray.survey.inputs import Inputs
from d2b_ray.survey.look import choices_of, data_and_models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from d2b_ray.arrays import Run
    from d2b_ray.data import Dataset
    from d2b_ray.plan import Unit
    from d2b_ray.spec import Sweep

__all__ = ["Finding", "check_everything"]

Level: TypeAlias = Literal["error", "warning", "ok"]
RAW = 10.0  # a baseline so many standard deviations from 0 is in scanner units


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how bad, `what` was looked at, and what was found in words."""

    level: Level
    what: str
    words: str


def check_everything(
    sweep: Sweep, dataset_root: str, features_url: str, base: str, say: Callable[[str], None]
) -> list[Finding]:
    """All findings, in the order in which a run would meet them."""
    block = sweep.dataset
    try:
        dataset = open_dataset(block.layout, dataset_root, choices_of(block))
        subjects = chosen_subjects(sweep, dataset.subjects)
    except D2BError as error:
        return [Finding("error", "data set", str(error))]
    runs = dataset.runs
    train, valid = runs.train(block.split), runs.valid(block.split)
    words = (
        f"{len(subjects)} subjects, {len(train)} runs to train on and {len(valid)} to validate, "
        f"TR {runs.tr_s:g} s"
    )
    found = [Finding("ok", "data set", words)]
    try:
        world = data_and_models(sweep, dataset, base)
        units = feature_units(sweep, world)
    except D2BError as error:
        found.append(Finding("error", "sweep", str(error)))
        units = []
    inputs = Inputs(dataset, features_url, base, block.extra_rows or "error", say)
    for unit in units:
        try:
            inputs.look_at_features(unit)
            if not MODALITIES[unit.params["modality"]].reading:
                stimuli(dataset, unit.params)  # captions are read to the last row
            found.append(Finding("ok", unit.label, "features can be made or lie ready"))
            if MODALITIES[unit.params["modality"]].clock:
                found += _words(dataset, unit)
        except D2BError as error:
            found.append(Finding("error", unit.label, str(error)))
    treatment = Treatment.of(block.responses.as_plain(block.layout))
    for subject in subjects:
        found += _responses(dataset, subject, treatment, inputs)
    return [*found, *_leaks(dataset, sweep, [*train], [*valid])]


def _responses(
    dataset: Dataset, subject: str, treatment: Treatment, inputs: Inputs
) -> Iterator[Finding]:
    """Files, values and baselines of a subject."""
    what = f"responses {subject}"
    try:
        inputs.responses(subject, confounds=bool(treatment.confounds))
        bad, total, high = 0, 0, 0.0
        for run in dataset.runs.recorded:
            rows = dataset.responses(subject, [run])
            total = rows.shape[1]
            wrong = unusable(rows)
            if wrong.any():
                bad = max(bad, int(wrong.sum()))
            values = rows[:, ~wrong].astype(np.float64)
            if values.size:
                spread = values.std(0)
                high = max(high, float(np.median(np.abs(values.mean(0)) / spread)))
    except D2BError as error:
        yield Finding("error", what, str(error))
        return
    yield Finding("ok", what, f"{len(dataset.runs.recorded)} runs of {total:,} voxels")
    if bad:
        words = f"up to {bad:,} of {total:,} voxels of a run are not finite or do not vary"
        yield Finding("warning", what, f"{words}; they are left out (dataset.bad_voxels)")
    if high > RAW and not treatment.zscore:
        yield Finding(
            "warning",
            what,
            f"baselines are {high:.0f} standard deviations from 0, as in scanner units, and differ from "
            "run to run; say dataset.responses.zscore: run",
        )


def _words(dataset: Dataset, unit: Unit) -> Iterator[Finding]:
    """How many words have no time."""
    read = [words_of(dataset).read(run, unit.params["annotation"]) for run in dataset.runs.used]
    total, timed = sum(len(one.words) for one in read), sum(int(one.timed.sum()) for one in read)
    if timed < total:
        words = f"{total - timed} of {total:,} words have no time: read as context, without a row of features"
        yield Finding("warning", unit.label, words)
    if backward := sum(one.backward for one in read):
        words = f"{backward} words end before they begin: their onset is taken for their time"
        yield Finding("warning", unit.label, words)


def _leaks(
    dataset: Dataset, sweep: Sweep, train: Sequence[Run], valid: Sequence[Run]
) -> Iterator[Finding]:
    """What a fit may see of that on which it is tested."""
    pairs = [(a, b, "training and validation") for a in train for b in valid]
    pairs += [
        (a, b, "two CV groups") for a, b in combinations(train, 2) if a.cv_group != b.cv_group
    ]
    shown = _stimuli(dataset)
    leak = False
    for one, other, where in pairs:
        same = {k for k in shown.get(one.name, {}).keys() & shown.get(other.name, {}).keys()
                if shown[one.name][k] == shown[other.name][k]}  # fmt: skip
        if same:
            leak = True
            yield Finding(
                "error",
                "leakage",
                f"runs {one.name} and {other.name}, in {where}, have the same {', '.join(sorted(same))}: a "
                "fit sees what it is tested on; give one of them no role, or one group to both",
            )
    delays = _longest_delay(sweep, dataset.runs.tr_s)
    for one, other, where in pairs:
        if one.part and one.title == other.title and abs(one.part - other.part) == 1:
            gap = max(one.overlap, other.overlap)
            yield Finding(
                "warning",
                "leakage",
                f"runs {one.name} and {other.name}, in {where}, follow each other in one title; features "
                f"reach {delays:g} s back, and {gap} samples are left out between them",
            )
    if any(entry.pca is not None for fit in sweep.fits for entry in fit.reduce):
        words = "principal components are those of all training runs, those that a fold holds out among them"
        yield Finding("warning", "folds", words)
    if not leak:
        yield Finding("ok", "leakage", "no stimulus file is the same in runs that must differ")


def _longest_delay(sweep: Sweep, tr_s: float) -> float:
    """The last delay of any fit, in seconds."""
    ends = [d.end * (tr_s if d.unit == "trs" else 1) for fit in sweep.fits for d in fit.delays]
    return float(max(ends, default=0))


def _stimuli(dataset: Dataset) -> dict[str, dict[str, str]]:
    """Run -> kind of stimulus -> digest of its file, of all that is there."""
    found: dict[str, dict[str, str]] = {}
    runs = dataset.runs.used
    for level in dataset.levels():
        try:
            paths = dataset.caption_files(level)
        except D2BError:
            continue  # told where a sweep asks for this level
        digests = fingerprint_files(paths)
        for run, path in zip(runs, paths, strict=True):
            found.setdefault(run.name, {})[f"captions {level}"] = digests[path]
    for medium in ("frames", "video", "sound"):
        try:
            media = dataset.media.paths(medium)
        except D2BError:
            continue
        digests = fingerprint_files(str(path) for path in media.values())
        for run_name, place in media.items():
            found.setdefault(run_name, {})[medium] = digests[str(place)]
    return found
