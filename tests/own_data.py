"""One planted data set in the layouts that labs have: arrays and BIDS as NIfTI, GIFTI and CIFTI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import nibabel
import numpy as np
from nibabel import cifti2

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 6
SHAPE = (6, 5, 4)
AFFINE = np.array([[-3.0, 0, 0, 20], [0, 3.0, 0, -30], [0, 0, 4.0, 5], [0, 0, 0, 1]])
KINDS = ("a", "b")
SECONDS = 240


class Planted:
    """Events of two kinds drive half of the voxels 3 to 6 s later; the rest is noise on a high baseline."""

    def __init__(self, tr_s: float, seed: int = 3) -> None:
        self.tr_s = tr_s
        rng = np.random.default_rng(seed)
        self.scans = round(SECONDS / tr_s)
        self.inside = rng.random(SHAPE) < 0.5
        voxels = int(self.inside.sum())
        self.driven = np.arange(voxels) % 2 == 0
        weights = rng.standard_normal((2, voxels)) * self.driven
        self.events, self.motion, self.rows = [], [], []
        for _ in range(RUNS):
            onset = np.sort(rng.choice(np.arange(0, SECONDS - 12, 6), 24, replace=False)).astype(
                float
            )
            kinds = rng.integers(0, 2, len(onset))
            fine = np.zeros((SECONDS * 10, 2))
            for start, kind in zip(onset, kinds, strict=True):
                fine[int(start * 10) : int((start + 3) * 10), kind] = 1
            late = np.zeros_like(fine)
            for shift in range(30, 61):
                late[shift:] += fine[:-shift] / 31
            at = ((np.arange(self.scans) + 0.5) * tr_s * 10).astype(int)
            motion = np.cumsum(rng.standard_normal((self.scans, 2)), axis=0) * 0.05
            noise = 0.35 * rng.standard_normal((self.scans, voxels))
            drift = motion @ rng.standard_normal((2, voxels))
            base = 500 + 100 * rng.random(voxels)
            self.rows.append((late[at] @ weights + noise + drift + base).astype(np.float32))
            self.events.append(
                [(start, 3.0, KINDS[kind]) for start, kind in zip(onset, kinds, strict=True)]
            )
            self.motion.append(motion)


def _text(header: list[str], rows: list) -> str:
    return "\n".join("\t".join(map(str, row)) for row in [header, *rows]) + "\n"


def _events(path: Path, planted: Planted, run: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_text(["onset", "duration", "trial_type"], planted.events[run]))


def _motion(path: Path, planted: Planted, run: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    change = np.vstack([np.full(2, np.nan), np.diff(planted.motion[run], axis=0)])
    turn = np.sin(np.arange(planted.scans) / 7)
    rows = [
        ["n/a" if np.isnan(v) else f"{v:.8g}" for v in row]
        for row in np.column_stack([planted.motion[run], change, turn])
    ]
    path.write_text(
        _text(["trans_x", "trans_y", "trans_x_derivative1", "trans_y_derivative1", "rot_x"], rows)
    )


def _table(root: Path, names: list[str]) -> None:
    lines = [
        "run,role",
        *(f"{n},{'test' if i >= RUNS - 2 else 'train'}" for i, n in enumerate(names)),
    ]
    (root / "runs.csv").write_text("\n".join(lines) + "\n")


def write_arrays(root: Path, planted: Planted) -> Path:
    """Layout `arrays`, with a mask and an affine."""
    (root / "responses" / "sub-01").mkdir(parents=True)
    (root / "voxels").mkdir()
    names = [f"run-{n}" for n in range(1, RUNS + 1)]
    for run, name in enumerate(names):
        np.save(root / "responses" / "sub-01" / f"{name}.npy", planted.rows[run])
        _events(root / "events" / "sub-01" / f"{name}.tsv", planted, run)
        _motion(root / "confounds" / "sub-01" / f"{name}.tsv", planted, run)
    np.savez(root / "voxels" / "sub-01.npz", mask=planted.inside, affine=AFFINE)
    _table(root, names)
    return root


def write_bids(root: Path, planted: Planted, kind: str = "nifti", task: str = "t") -> Path:
    """Layout `bids`, as fMRIPrep names its files."""
    prep = root / "derivatives" / "fmriprep" / "sub-01" / "func"
    prep.mkdir(parents=True)
    names = [f"task-{task}_run-{n}" for n in range(1, RUNS + 1)]
    for run, name in enumerate(names):
        stem = f"sub-01_{name}"
        _events(root / "sub-01" / "func" / f"{stem}_events.tsv", planted, run)
        _motion(prep / f"{stem}_desc-confounds_timeseries.tsv", planted, run)
        write = {"nifti": _nifti, "gifti": _gifti, "cifti": _cifti}[kind]
        image = write(prep / stem, planted, run)
        (prep / f"{image}.json").write_text(json.dumps({"RepetitionTime": planted.tr_s}))
    _table(root, names)
    return root


def _nifti(stem: Path, planted: Planted, run: int) -> str:
    volume = np.zeros((*SHAPE, planted.scans), np.float32)
    volume[planted.inside] = planted.rows[run].T
    name = f"{stem.name}_space-T1w_desc-preproc_bold"
    nibabel.save(nibabel.Nifti1Image(volume, AFFINE), stem.with_name(name + ".nii.gz"))
    mask = planted.inside.copy()
    if run == 0:
        mask[tuple(np.argwhere(~mask)[0])] = True  # a voxel that other runs lack
    image = nibabel.Nifti1Image(mask.astype(np.uint8), AFFINE)
    nibabel.save(image, stem.with_name(f"{stem.name}_space-T1w_desc-brain_mask.nii.gz"))
    return name


def _gifti(stem: Path, planted: Planted, run: int) -> str:
    half = planted.rows[run].shape[1] // 2
    for side, part in (("L", slice(half)), ("R", slice(half, None))):
        arrays = [nibabel.gifti.GiftiDataArray(row[part]) for row in planted.rows[run]]
        name = f"{stem.name}_hemi-{side}_space-fsaverage5_bold"
        nibabel.save(nibabel.gifti.GiftiImage(darrays=arrays), stem.with_name(f"{name}.func.gii"))
        if side == "L":
            first = name
    return first


def brain_models(voxels: int) -> cifti2.BrainModelAxis:
    """Two hemispheres and a piece of the thalamus."""
    left, right = voxels // 3, voxels // 4
    rest = voxels - left - right
    volume = np.zeros(SHAPE, bool)
    volume.flat[:rest] = True
    return (
        cifti2.BrainModelAxis.from_surface(np.arange(left), left + 5, "CortexLeft")
        + cifti2.BrainModelAxis.from_surface(np.arange(right), right + 5, "CortexRight")
        + cifti2.BrainModelAxis.from_mask(volume, affine=AFFINE, name="thalamus_left")
    )


def _cifti(stem: Path, planted: Planted, run: int) -> str:
    rows = planted.rows[run]
    axes = (cifti2.SeriesAxis(0, planted.tr_s, len(rows), "SECOND"), brain_models(rows.shape[1]))
    name = f"{stem.name}_space-fsLR_den-91k_bold"
    nibabel.save(cifti2.Cifti2Image(rows, axes), stem.with_name(f"{name}.dtseries.nii"))
    return name
