"""Writes the demo data set: drama2brain's layout, small, with planted effects and the truth beside it."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import h5py
import numpy as np
from scipy.io import savemat

from d2b_ray.data.drama import DRAMA_LEVELS, captions_of, drama_runs
from d2b_ray.data.planted import DRIVERS, SHAPE, Planted, plant, respond
from d2b_ray.data.runs import COLUMNS
from d2b_ray.data.stimuli import write_frames, write_sound
from d2b_ray.data.twins import TWINS, DemoData
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from d2b_ray.arrays import FloatArray, Run, RunTable

__all__ = ["Featurize", "write_demo"]

# (level, {run name: rows of captions}) -> {run name: (seconds, width)}
Featurize: TypeAlias = (
    "Callable[[str, Mapping[str, Sequence[Sequence[str]]]], Mapping[str, FloatArray]]"
)
SUBJECTS = ("DM01", "DM03")
VOXELS = 2160
ANY_TR = ("arrays", "bids")


def write_demo(
    folder: Path,
    featurize: Featurize,
    *,
    seed: int = 7,
    voxels: int = VOXELS,
    subjects: Sequence[str] = SUBJECTS,
    stimuli: bool = True,
    layout: str = "drama2brain",
    tr_s: float = 1.0,
) -> None:
    """Write the data set to `folder`, which must not exist or be empty. Complete, or not there at all.

    `featurize` gives the features that drive the planted voxels. `truth.npz` holds for each subject
    `<subject>_strength` (V,) 0 noise, 1 weak, 2 strong, `_level` and `_roi` (V,), `_weights`
    (width, V). `stimuli` False leaves out frames and sound. The same seed gives the same arrays. `layout`
    is drama2brain's, or one of `twins`, which have captions and responses, some at any TR.
    """
    if layout != "drama2brain" and layout not in TWINS:
        raise DataError(f"layout {layout!r}: must be one of: drama2brain, {', '.join(TWINS)}")
    if tr_s <= 0 or (tr_s != 1 and layout not in ANY_TR):
        raise DataError(
            f"a TR of {tr_s:g} s: layout {layout} is at 1 s; {' and '.join(ANY_TR)} at any above 0"
        )
    target = folder.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{folder} exists and is not empty; remove it or name another folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        made = _make(featurize, seed, voxels, subjects, tr_s)
        if layout == "drama2brain":
            _write(aside, made, stimuli)
        else:
            TWINS[layout](aside, made)
        _write_truth(aside, made)
        aside.chmod(0o755)
        if target.exists():
            target.rmdir()
        os.rename(aside, target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _make(
    featurize: Featurize, seed: int, voxels: int, subjects: Sequence[str], tr_s: float
) -> DemoData:
    table = drama_runs()
    captions = {run.name: captions_of(run) for run in table.runs}
    features = {
        level: featurize(level, {name: rows[level] for name, rows in captions.items()})
        for level in dict.fromkeys(DRIVERS.values())
    }
    planted, rows = {}, {}
    for number, subject in enumerate(subjects):
        rng = np.random.default_rng([seed, number])
        planted[subject] = plant(rng, voxels, features)
        rows[subject] = respond(rng, planted[subject], features, table.runs)
    return DemoData(table, captions, planted, rows, tr_s)


def _write(root: Path, made: DemoData, stimuli: bool) -> None:
    _write_runs(root / "runs.csv", made.table)
    for run in made.table.runs:
        _write_captions(root / "annotations", run, made.captions[run.name])
        if stimuli:
            write_frames(root / "stimuli" / "frames", run, made.captions[run.name])
            write_sound(root / "stimuli" / "audio", run, made.captions[run.name])
    for subject, planted in made.planted.items():
        _write_subject(root / "fmri", subject, planted, made.rows[subject])
    _write_subject_list(root / "fmri" / "exp", made.table, list(made.planted))


def _write_truth(root: Path, made: DemoData) -> None:
    truth: dict[str, np.ndarray] = {}
    for subject, planted in made.planted.items():
        for name in ("strength", "level", "roi", "weights"):
            truth[f"{subject}_{name}"] = getattr(planted, name)
    np.savez_compressed(root / "truth.npz", **truth)  # type: ignore[arg-type]  # names are ours


def _write_runs(path: Path, table: RunTable) -> None:
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for run in table.runs:
            out.writerow([getattr(run, column) for column in COLUMNS])


def _write_captions(folder: Path, run: Run, levels: Mapping[str, Sequence[Sequence[str]]]) -> None:
    folder.mkdir(exist_ok=True)
    for level, rows in levels.items():
        header = "\t".join(f"annotator{n + 1}" for n in range(DRAMA_LEVELS[level]))
        lines = [header, *("\t".join(row) for row in rows)]
        path = folder / f"{run.title}_run{run.part}_{level}_each1sec_en.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_subject(
    fmri: Path, subject: str, planted: Planted, rows: Mapping[str, FloatArray]
) -> None:
    folder = fmri / "bbregister" / subject
    folder.mkdir(parents=True)
    voxels = {"tvoxels": planted.index[:, None] + 1, "volume_shape": np.array(SHAPE)}
    _write_mat5(folder / "vset_099.mat", voxels)
    rois = np.empty((1, 1), [("name", "O"), ("label", "O"), ("voxel", "O")])
    labels = np.empty((len(DRIVERS), 1), object)
    cells = np.empty((len(DRIVERS), 1), object)
    for place, name in enumerate(DRIVERS):
        labels[place, 0] = name
        inner = np.empty((1, 1), object)
        inner[0, 0] = (planted.index[planted.roi == name] + 1).astype(float)[:, None]
        cells[place, 0] = inner
    rois[0, 0] = (subject, labels, cells)
    _write_mat5(folder / "fsROI.mat", {"fsROI": rois})
    session = fmri / "raw" / subject / "sess1"
    session.mkdir(parents=True)
    for name, response in rows.items():
        volume = np.zeros((len(response), int(np.prod(SHAPE))), np.float32)
        volume[:, planted.index] = response
        _write_mat73(session / f"{name}.mat", volume)


def _write_mat5(path: Path, variables: Mapping[str, np.ndarray]) -> None:
    """A MATLAB v5 file without the date in its header: the same seed gives the same bytes."""
    out = io.BytesIO()
    savemat(out, dict(variables))
    header = b"MATLAB 5.0 MAT-file, written by d2b_ray".ljust(116)
    path.write_bytes(header + out.getvalue()[116:])


def _write_mat73(path: Path, volume: FloatArray) -> None:
    """A MATLAB v7.3 file: HDF5 behind a header of 512 bytes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        data = file.create_dataset(
            "dataDT", data=volume, chunks=(32, volume.shape[1]), compression="gzip",
            compression_opts=1, track_times=False,
        )  # fmt: skip
        data.attrs["MATLAB_class"] = np.bytes_("single")
    header = b"MATLAB 7.3 MAT-file, written by d2b_ray".ljust(116) + bytes(8) + b"\x00\x02IM"
    with path.open("r+b") as file:
        file.write(header)


def _write_subject_list(folder: Path, table: RunTable, subjects: Sequence[str]) -> None:
    titles: dict[str, list[Run]] = {}
    for run in table.runs:
        titles.setdefault(run.title, []).append(run)
    entries = [
        {
            "name": subject,
            "mov": [
                {
                    "title": title,
                    "run": [{"file": f"data/{subject}/sess1/{run.name}.mat"} for run in runs],
                }
                for title, runs in titles.items()
            ],
        }
        for subject in subjects
    ]
    folder.mkdir(parents=True)
    (folder / "subject.json").write_text(json.dumps(entries, indent=1) + "\n")
