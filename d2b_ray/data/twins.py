"""The demo's data in the layouts of other labs: the same texts, the same planted truth, other files.

At another TR a sample is the mean of the responses within it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h5py
import numpy as np
from scipy.io import savemat

from d2b_ray.data.planted import SHAPE
from d2b_ray.data.treatment import needs_imaging

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from d2b_ray.arrays import FloatArray, Run, RunTable
    from d2b_ray.data.planted import Planted

__all__ = ["TWINS", "DemoData"]

AFFINE = np.array([[3.0, 0, 0, -30], [0, 3.0, 0, -27], [0, 0, 3.0, -24], [0, 0, 0, 1]])


@dataclass(frozen=True, slots=True)
class DemoData:
    """What the demo is, before any file: `captions` run -> level -> rows, `planted` and `rows` a subject."""

    table: RunTable
    captions: Mapping[str, Mapping[str, Sequence[Sequence[str]]]]
    planted: Mapping[str, Planted]
    rows: Mapping[str, Mapping[str, FloatArray]]
    tr_s: float = 1.0

    def samples(self, subject: str, run: Run) -> FloatArray:
        """Responses (samples, V) of a run at the TR: means over the seconds within a sample."""
        rows: FloatArray = self.rows[subject][run.name]
        if self.tr_s == 1:
            return rows
        edges = np.arange(math.floor(run.seconds / self.tr_s) + 1) * self.tr_s
        summed = np.vstack([np.zeros(rows.shape[1]), np.cumsum(rows, axis=0, dtype=np.float64)])
        whole = np.floor(edges).astype(int)
        after = np.minimum(whole + 1, len(rows))
        at = summed[whole] + (edges - whole)[:, None] * (summed[after] - summed[whole])
        found: FloatArray = (np.diff(at, axis=0) / self.tr_s).astype(np.float32)
        return found


def write_arrays_twin(root: Path, made: DemoData) -> None:
    """Layout `arrays`."""
    _plain_table(root, made, lambda run: run.name)
    _plain_captions(root, made, lambda run: run.name)
    for subject, planted in made.planted.items():
        folder = root / "responses" / subject
        folder.mkdir(parents=True)
        for run in made.table.runs:
            np.save(folder / f"{run.name}.npy", made.samples(subject, run))
        (root / "voxels").mkdir(exist_ok=True)
        np.savez(
            root / "voxels" / f"{subject}.npz",
            index=planted.index,
            shape=np.array(SHAPE[::-1]),
            order=np.array("F"),
            affine=AFFINE,
            roi=planted.roi,
        )


def write_bids_twin(root: Path, made: DemoData) -> None:
    """Layout `bids`: volumes as fMRIPrep names them."""
    nibabel = needs_imaging("nibabel")
    _plain_table(root, made, _bids_name)
    _plain_captions(root, made, _bids_name)
    about = {"Name": "d2b_ray demo", "BIDSVersion": "1.9.0"}
    prep = root / "derivatives" / "fmriprep"
    for subject, planted in made.planted.items():
        folder = prep / f"sub-{subject}" / "func"
        folder.mkdir(parents=True)
        mask = _volume(planted, np.ones((1, len(planted.index)), np.float32))[..., 0]
        for run in made.table.runs:
            stem = folder / f"sub-{subject}_{_bids_name(run)}_space-T1w"
            image = nibabel.Nifti1Image(_volume(planted, made.samples(subject, run)), AFFINE)
            image.header.set_zooms((3, 3, 3, made.tr_s))
            image.header.set_xyzt_units("mm", "sec")
            nibabel.save(image, f"{stem}_desc-preproc_bold.nii.gz")
            sidecar = json.dumps({"RepetitionTime": made.tr_s, "TaskName": run.title})
            stem.with_name(f"{stem.name}_desc-preproc_bold.json").write_text(sidecar + "\n")
            inside = nibabel.Nifti1Image(mask.astype(np.uint8), AFFINE)
            nibabel.save(inside, f"{stem}_desc-brain_mask.nii.gz")
    for folder, kind in ((root, "raw"), (prep, "derivative")):
        text = json.dumps({**about, "DatasetType": kind}, indent=1)
        (folder / "dataset_description.json").write_text(text + "\n")


def write_openneuro_twin(root: Path, made: DemoData) -> None:
    """Layout `openneuro`: the names and types of ds005531, with titles of the demo."""
    names = {run.name: f"{run.title.lower()}_run-{run.part:02d}" for run in made.table.runs}
    lines = ["title,part,public_file,seconds,overlap,split_all,split_a,split_b,cv_group"]
    for run in made.table.runs:
        cells = (run.title, run.part, f"task-{names[run.name]}", run.seconds, run.overlap,
                 run.split_all, run.split_a, run.split_b, run.cv_group)  # fmt: skip
        lines.append(",".join(map(str, cells)))
        folder = root / "derivatives" / "annotation"
        folder.mkdir(parents=True, exist_ok=True)
        for level, rows in made.captions[run.name].items():
            text = "\n".join(
                f"[{second:05d}]" + "/".join(_public(level, cell) for cell in row)
                for second, row in enumerate(rows)
            )
            (folder / f"{names[run.name]}_{level}_each1sec.txt").write_text(
                text + "\n", encoding="utf-8"
            )
    (root / "runs.csv").write_text("\n".join(lines) + "\n")
    for subject, planted in made.planted.items():
        folder = root / "derivatives" / "preprocessed_data" / f"sub-{subject}"
        folder.mkdir(parents=True)
        variables = {"tvoxels": planted.index[:, None] + 1, "volume_shape": np.array(SHAPE)}
        savemat(folder / "vset_100.mat", variables)
        for run in made.table.runs:
            volume = np.zeros((run.seconds, int(np.prod(SHAPE))), np.float32)
            volume[:, planted.index] = made.rows[subject][run.name]
            with h5py.File(folder / f"sub-{subject}_task-{names[run.name]}.mat", "w") as file:
                file.create_dataset("dataDT", data=volume, compression="gzip", compression_opts=1)


TWINS: dict[str, Callable[[Path, DemoData], None]] = {
    "arrays": write_arrays_twin,
    "bids": write_bids_twin,
    "openneuro": write_openneuro_twin,
}
"""How the demo is written in a layout that is not drama2brain's."""


def _public(level: str, text: str) -> str:
    """A caption as the release spells it."""
    plain = "不明" if text == ".." else text.replace("/", " ")
    return f"メイン#{plain}" if level == "speechTranscription" else plain


def _bids_name(run: Run) -> str:
    return f"task-{run.title.lower()}_run-{run.part}"


def _plain_table(root: Path, made: DemoData, name: Callable[[Run], str]) -> None:
    """The run table: groups are titles, and what a second part repeats is trimmed."""
    lines = ["run,role,group,trim_start,tr_s,stimulus_s"]
    for run in made.table.runs:
        trim = math.ceil(run.overlap / made.tr_s)
        role = "train" if run.split_all == "TRAIN" else "test"
        lines.append(f"{name(run)},{role},{run.title},{trim},{made.tr_s:g},{run.seconds}")
    (root / "runs.csv").write_text("\n".join(lines) + "\n")


def _plain_captions(root: Path, made: DemoData, name: Callable[[Run], str]) -> None:
    folder = root / "annotations"
    folder.mkdir()
    for run in made.table.runs:
        for level, rows in made.captions[run.name].items():
            header = "\t".join(f"annotator{n + 1}" for n in range(len(rows[0])))
            text = "\n".join([header, *("\t".join(row) for row in rows)])
            (folder / f"{name(run)}_{level}.txt").write_text(text + "\n", encoding="utf-8")


def _volume(planted: Planted, rows: FloatArray) -> FloatArray:
    """Rows (n, V) as a volume (X, Y, Z, n), i fastest in `planted.index`."""
    flat = np.zeros((len(rows), int(np.prod(SHAPE))), np.float32)
    flat[:, planted.index] = rows
    return np.ascontiguousarray(flat.reshape(len(rows), *SHAPE).T)
