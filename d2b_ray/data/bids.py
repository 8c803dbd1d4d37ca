"""Layout `bids`: recordings as fMRIPrep leaves them, in volumes (NIfTI), surfaces (GIFTI) or both (CIFTI).

<root>/runs.csv                                          run table (`plain_runs`); `data init` writes one
<root>/sub-01/[ses-1/]func/sub-01[_ses-1]_task-T[_run-1]_events.tsv       events (optional)
<root>/derivatives/fmriprep/sub-01/[ses-1/]func/
    ..._[space-S_][res-R_]desc-preproc_bold.nii.gz + .json      volumes, and ..._desc-brain_mask.nii.gz
    ..._hemi-L_space-S_bold.func.gii, ..._hemi-R_...              left first
    ..._space-fsLR_den-91k_bold.dtseries.nii                      grayordinates
    ..._desc-confounds_timeseries.tsv                             confounds (optional)
<root>/annotations/<run>_<level>.txt, <root>/words, <root>/stimuli     as layout `arrays` has them

A run is called by what tells it apart: `ses-1_task-T_run-1`. `dataset.select` chooses among spaces,
resolutions and the like. Columns of volumes are those of `data[mask]`, the mask that of `dataset.mask`
or what the masks of all used runs share.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import Voxels
from d2b_ray.data.bids_files import BoldFile, bold_files
from d2b_ray.data.data_folder import DataFolder
from d2b_ray.data.images import (
    cifti_axes,
    n_samples,
    read_labels,
    read_mask,
    read_samples,
    sample_seconds,
)
from d2b_ray.data.lengths import check_rows
from d2b_ray.data.plain_runs import RunFacts, read_any_runs
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from d2b_ray.arrays import FloatArray, IntArray, Run
    from d2b_ray.data.images import Mask

__all__ = ["BidsDataset"]


class BidsDataset(DataFolder):
    """A BIDS data set with derivatives. Opening reads names and headers; nibabel is needed."""

    options = ("tr_s", "run_table", "select", "derivatives", "mask", "smoothing_mm", "parcels")

    def __init__(
        self,
        root: Path,
        tr_s: float | None = None,
        run_table: str | None = None,
        select: Mapping[str, str] | None = None,
        derivatives: str | None = None,
        mask: str | None = None,
        smoothing_mm: float | None = None,
        parcels: str | None = None,
    ) -> None:
        self.root = root
        self._files = bold_files(root, derivatives, select or {})
        self._mask = None if mask is None else root / mask
        self._smoothing_mm = smoothing_mm
        self._parcels = None if parcels is None else root / parcels
        kind = next(iter(next(iter(self._files.values())).values())).kind
        if kind != "volume" and (smoothing_mm or parcels or mask):
            raise DataError(
                "dataset: mask, responses.smoothing_mm and responses.parcels are for volumes, and these "
                f"images are of kind {kind}; leave them out"
            )
        table = root / (run_table or "runs.csv")
        if not table.is_file():
            first = next(iter(self._files.values()))
            raise DataError(
                f"{table}: there is no run table; `d2b-ray data init {root}` writes one of the "
                f"{len(first)} runs that are there, to be edited"
            )
        super().__init__(root, read_any_runs(table, self._facts, tr_s))

    @property
    def subjects(self) -> tuple[str, ...]:
        """`sub-...`, sorted."""
        return tuple(self._files)

    def responses(self, subject: str, runs: Sequence[Run]) -> FloatArray:
        """Responses (samples, V) float32 of the runs, in order, without the samples that are trimmed."""
        parts = []
        for run in runs:
            file = self._file(subject, run.name)
            mask = self._shared_mask(subject) if file.kind == "volume" else None
            rows = read_samples(file.paths, mask, run.kept, self._smoothing_mm)
            parts.append(rows if mask is None else self._of_parcels(rows, mask)[0])
        return np.concatenate(parts)

    def response_files(self, subject: str) -> tuple[str, ...]:
        """Paths of images and masks; all must be there, as long as their runs, and of one shape."""
        found: list[Path] = []
        first: tuple[str, tuple[int, ...]] | None = None
        for run in self.runs.recorded:
            file = self._file(subject, run.name)
            count, shape = n_samples(file.paths)
            check_rows(file.paths[0], "responses", (count,), run.scans, self.extra_rows)
            first = first or (file.paths[0].name, shape)
            if shape != first[1]:
                raise DataError(
                    f"{file.paths[0]}: images of shape {shape}, and {first[0]} has {first[1]}; all runs of a "
                    "subject must be of one space; choose with dataset.select"
                )
            found += file.paths
        more = [] if self._parcels is None else [self._parcels]
        return tuple(str(path) for path in [*found, *self._mask_files(subject), *more])

    def voxels(self, subject: str) -> Voxels:
        """Positions of the masked voxels, or numbers of the vertices."""
        file = self._file(subject, self.runs.used[0].name)
        if file.kind != "volume":
            _, shape = n_samples(file.paths)
            return Voxels(
                np.arange(sum(shape)),
                (),
                np.full(sum(shape), "", np.str_),
                surface=shape if file.kind == "surface" else (),
                axes=cifti_axes(file.paths[0]) if file.kind == "cifti" else "",
            )
        mask = self._shared_mask(subject)
        i, j, k = np.nonzero(mask.inside)
        shape = mask.inside.shape
        index = (i + shape[0] * (j + shape[1] * k)).astype(np.int64)
        if self._parcels is not None:
            _, names, labels = self._of_parcels(np.zeros((0, len(index)), np.float32), mask)
            flat = np.zeros(int(np.prod(shape)), np.int64)
            flat[index] = labels
            return Voxels(
                names,
                (),
                np.array([f"parcel {n}" for n in names]),
                mask.affine,
                parcels=flat.reshape(shape[::-1]),
                template=file.template,
            )
        none = np.full(len(index), "", np.str_)
        return Voxels(index, shape[::-1], none, mask.affine, template=file.template)

    def _of_parcels(self, rows: FloatArray, mask: Mask) -> tuple[FloatArray, IntArray, IntArray]:
        """Means over parcels (n, parcels), the labels of these, and the label of each voxel in the mask."""
        if self._parcels is None:
            none = np.zeros(0, np.int64)
            return rows, none, none
        image = read_labels(self._parcels, mask)
        labels = image[mask.inside]
        names = np.unique(labels[labels > 0])
        if not len(names):
            raise DataError(f"{self._parcels}: no label lies in the mask")
        means = [rows[:, labels == name].mean(1, dtype=np.float64) for name in names]
        return np.stack(means, axis=1).astype(np.float32), names, labels

    def events(self, subject: str, run: Run) -> Path:
        """File of the events of a run, in the raw data."""
        return self._file(subject, run.name).events(self.root)

    def confounds(self, subject: str, run: Run) -> Path:
        """File of the confounds of a run, beside its images."""
        return self._file(subject, run.name).confounds

    def _file(self, subject: str, run: str) -> BoldFile:
        own = self._files.get(subject, {})
        if run not in own:
            raise DataError(
                f"{self.root}: subject {subject} has no run {run}; it has "
                f"{', '.join(own) or 'none'}; correct the run table, or choose subjects"
            )
        return own[run]

    def _facts(self, run: str) -> RunFacts:
        file = next((own[run] for own in self._files.values() if run in own), None)
        if file is None:
            known = sorted({name for own in self._files.values() for name in own})
            raise DataError(
                f"{self.root}: the run table names run {run}; there are {', '.join(known)}"
            )
        return RunFacts(n_samples(file.paths)[0], _repetition_time(file, self.root))

    def _mask_files(self, subject: str) -> list[Path]:
        """Masks of the used runs of a subject, each once; none for surfaces."""
        files = [self._file(subject, run.name) for run in self.runs.recorded]
        if files[0].kind != "volume":
            return []
        if self._mask is not None:
            if not self._mask.is_file():
                raise DataError(f"dataset.mask: {self._mask} is not there")
            return [self._mask]
        missing = [file.mask for file in files if not file.mask.is_file()]
        if missing:
            raise DataError(
                f"{missing[0]}: there is no mask; say dataset.mask, an image of the voxels to fit"
            )
        return [file.mask for file in files]

    def _shared_mask(self, subject: str) -> Mask:
        if subject not in self._masks:
            masks = [read_mask(path) for path in self._mask_files(subject)]
            first = masks[0]
            for other in masks[1:]:
                if other.inside.shape != first.inside.shape or not np.allclose(
                    other.affine, first.affine, atol=1e-3
                ):
                    raise DataError(
                        f"{self.root}: the masks of subject {subject} are of different spaces; choose "
                        "one with dataset.select, or say dataset.mask"
                    )
            inside = np.all([mask.inside for mask in masks], axis=0)
            if not inside.any():
                raise DataError(f"{self.root}: the masks of subject {subject} share no voxel")
            self._masks[subject] = first._replace(inside=inside)
        return self._masks[subject]

    @cached_property
    def _masks(self) -> dict[str, Mask]:
        return {}


def _repetition_time(file: BoldFile, root: Path) -> float | None:
    """Seconds from sample to sample: of the sidecar, else of the header."""
    for sidecar in file.sidecars(root):
        if not sidecar.is_file():
            continue
        try:
            content: Any = json.loads(sidecar.read_text(encoding="utf-8"))
            if "RepetitionTime" in content:
                return float(content["RepetitionTime"])
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"{sidecar}: cannot be read as JSON ({error})") from error
    return sample_seconds(file.paths[0])
