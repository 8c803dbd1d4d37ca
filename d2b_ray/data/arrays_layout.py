"""Layout `arrays`: plain files of arrays, for data that come from elsewhere.

<root>/runs.csv                            run table: run, role, and what else is known (`plain_runs`)
<root>/responses/<subject>/<run>.npy       (samples, V) numbers; or .npz with one array, or .parquet
<root>/voxels/<subject>.npz                optional: where voxels lie (`voxel_file`), labels of regions
<root>/confounds/<subject>/<run>.tsv       optional: nuisance regressors, a row a sample, a header
<root>/events/<subject>/<run>.tsv          optional: onset, duration and more, as BIDS has them
<root>/words/<level>/<run>.tsv             optional: words in time (`word_tables`)
<root>/annotations/<run>_<level>.txt       optional: captions (`captions`)
<root>/stim_features/...                   features that lie ready (optional)
<root>/derivatives/feature/...             features of the public release (optional)
<root>/stimuli/...                         frames, video, sound: see `media` (optional)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.data.array_files import ENDINGS, matrix_shape, read_matrix
from d2b_ray.data.data_folder import DataFolder
from d2b_ray.data.lengths import check_rows
from d2b_ray.data.plain_runs import RunFacts, read_any_runs
from d2b_ray.data.unicode_forms import hint_of_form
from d2b_ray.data.voxel_file import numbered, read_voxels
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from d2b_ray.arrays import FloatArray, Run, Voxels

__all__ = ["ArraysDataset"]


class ArraysDataset(DataFolder):
    """A data set of .npy files."""

    options = ("tr_s", "run_table")

    def __init__(self, root: Path, tr_s: float | None = None, run_table: str | None = None) -> None:
        self.root = root
        table = root / (run_table or "runs.csv")
        super().__init__(root, read_any_runs(table, self._facts, tr_s))

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the folders in `responses`, sorted; hidden ones are other programs'."""
        folders = (p for p in (self.root / "responses").glob("*") if p.is_dir())
        found = sorted(p.name for p in folders if not p.name.startswith("."))
        if not found:
            raise DataError(f"{self.root}/responses: no folder of a subject is there")
        return tuple(found)

    def responses(self, subject: str, runs: Sequence[Run]) -> FloatArray:
        """Responses (samples, V) float32: the rows of each run, less its overlap."""
        parts = [self._read(subject, run) for run in runs]
        if len({part.shape[1] for part in parts}) > 1:
            raise DataError(f"{self.root}/responses/{subject}: runs differ in number of voxels")
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def response_files(self, subject: str) -> tuple[str, ...]:
        """Paths of the responses and of the voxel file."""
        paths = [self._file(subject, run) for run in self.runs.recorded]
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise DataError(
                f"{missing[0]}: {len(missing)} response files are missing{hint_of_form(missing[0])}"
            )
        width = None
        for path, run in zip(paths, self.runs.recorded, strict=True):  # by their headers
            shape = matrix_shape(path)
            check_rows(path, "responses", shape, run.scans, self.extra_rows)
            width = shape[1] if width is None else width
            if shape[1] != width or not width:
                raise DataError(
                    f"{path}: {shape[1]} voxels, and {paths[0].name} has {width}; all runs of a subject must "
                    "have the same voxels, one or more"
                )
        voxels = self.root / "voxels" / f"{subject}.npz"
        return tuple(str(path) for path in [*paths, *([voxels] if voxels.is_file() else [])])

    def voxels(self, subject: str) -> Voxels:
        """What voxels/<subject>.npz says; without it, columns are numbered from 0."""
        width = matrix_shape(self._file(subject, self.runs.used[0]))[1]
        path = self.root / "voxels" / f"{subject}.npz"
        if not path.is_file():
            return numbered(width)
        return read_voxels(path, width)

    def _facts(self, run: str) -> RunFacts:
        """Samples of a run, by the header of the first subject's file."""
        return RunFacts(matrix_shape(self._named(self.subjects[0], run))[0])

    def _file(self, subject: str, run: Run) -> Path:
        return self._named(subject, run.name)

    def _named(self, subject: str, run: str) -> Path:
        """The file of a run that is there; else the .npy that might be."""
        paths = [self.root / "responses" / subject / f"{run}{ending}" for ending in ENDINGS]
        return next((path for path in paths if path.is_file()), paths[0])

    def _read(self, subject: str, run: Run) -> FloatArray:
        path = self._file(subject, run)
        rows = read_matrix(path)
        check_rows(path, "responses", rows.shape, run.scans, self.extra_rows)
        return np.asarray(rows[run.kept], np.float32)
