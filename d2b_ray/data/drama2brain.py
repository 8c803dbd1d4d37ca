"""Layout `drama2brain`: the folders of Nakagi et al. (2024).

<root>/runs.csv                                     run table (default: that of the paper)
<root>/fmri/exp/subject.json                        subjects, titles, response files
<root>/fmri/raw/<subject>/<session>/<file>.mat      responses of a run, v7.3, dataDT (time, voxels)
<root>/fmri/bbregister/<subject>/vset_099.mat       tvoxels: 1-based indices of the cortex
<root>/fmri/bbregister/<subject>/fsROI.mat          regions of interest
<root>/annotations/<title>_run<part>_<level>_each1sec_en.txt     of another language: <level>-ja is ..._ja.txt
<root>/stim_features/...                            features that lie ready (optional)
<root>/derivatives/feature/...                      features of the public release (optional)
<root>/stimuli/...                                  frames, video, sound: see `media` (optional)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import Voxels
from d2b_ray.data.data_folder import DataFolder
from d2b_ray.data.lengths import check_rows
from d2b_ray.data.matlab import read_responses, read_rois, read_voxels, response_shape
from d2b_ray.data.runs import drama2brain_runs, read_runs
from d2b_ray.data.unicode_forms import hint_of_form
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from d2b_ray.arrays import FloatArray, IntArray, Run
    from d2b_ray.data.lengths import ExtraRows

__all__ = ["DramaDataset"]

VOLUME = (72, 96, 96)  # of the published recordings, in the order np.unravel_index takes


class DramaDataset(DataFolder):
    """A data set in drama2brain's layout."""

    extra_rows: ExtraRows = "cut"  # its recordings run on for some seconds

    def __init__(self, root: Path) -> None:
        self.root = root
        table = root / "runs.csv"
        super().__init__(root, read_runs(table) if table.is_file() else drama2brain_runs())
        self._files = _response_paths(root / "fmri")

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the subjects, in the order of subject.json."""
        return tuple(self._files)

    def responses(self, subject: str, runs: Sequence[Run]) -> FloatArray:
        """Responses (samples, V) float32: first `seconds` rows of each run, less its overlap."""
        index, _ = read_voxels(self._folder(subject) / "vset_099.mat")
        total = np.empty((sum(run.samples for run in runs), len(index)), np.float32)
        row = 0
        for run in runs:
            rows = read_responses(self._file(subject, run), index, run.seconds, self.extra_rows)
            total[row : row + run.samples] = rows[run.overlap :]
            row += run.samples
        return total

    def response_files(self, subject: str) -> tuple[str, ...]:
        """Paths of the responses and of vset_099.mat and fsROI.mat."""
        runs = [self._file(subject, run) for run in self.runs.recorded]
        missing = [path for path in runs if not path.is_file()]
        if missing:
            raise DataError(
                f"{missing[0]}: {len(missing)} of {len(runs)} response files of subject {subject} "
                f"are missing{hint_of_form(missing[0])}"
            )
        self._check_shapes(subject, runs)
        regions = [self._folder(subject) / name for name in ("vset_099.mat", "fsROI.mat")]
        return tuple(str(path) for path in [*runs, *(p for p in regions if p.is_file())])

    def _check_shapes(self, subject: str, files: Sequence[Path]) -> None:
        """By their headers: rows of each run, and one volume, that of vset_099.mat, for all of them."""
        file = self._folder(subject) / "vset_099.mat"
        index, shape = read_voxels(file)
        expected, told = (
            int(np.prod(shape)) if shape else 0,
            f"volume_shape {list(shape)} of {file}",
        )
        for path, run in zip(files, self.runs.recorded, strict=True):
            found = response_shape(path)
            check_rows(path, "responses", found, run.seconds, self.extra_rows)
            if not expected:
                expected, told = found[1], f"{path.name} has"
            if found[1] != expected or found[1] <= int(index.max()):
                raise DataError(
                    f"{path}: {found[1]} voxels, and {told} {expected}, of which {file.name} names the "
                    f"{int(index.max()) + 1}th: all must be of the same volume"
                )

    def voxels(self, subject: str) -> Voxels:
        """Positions, volume and ROIs; a voxel of several ROIs has the first label."""
        index, shape = read_voxels(self._folder(subject) / "vset_099.mat")
        if not shape:
            _, width = response_shape(self._file(subject, self.runs.used[0]))
            shape = VOLUME if width == np.prod(VOLUME) else ()
        label = np.full(len(index), "", dtype=object)
        for name, places in self.rois(subject).items():
            label[places[label[places] == ""]] = name
        return Voxels(index, shape, label.astype(np.str_))

    def rois(self, subject: str) -> Mapping[str, IntArray]:
        """Label -> positions among the voxels (0-based); empty when there is no fsROI.mat."""
        path = self._folder(subject) / "fsROI.mat"
        index, _ = read_voxels(self._folder(subject) / "vset_099.mat")
        return read_rois(path, index) if path.is_file() else {}

    def _folder(self, subject: str) -> Path:
        if subject not in self._files:
            raise DataError(
                f"subject {subject!r} is not in subject.json; it has {', '.join(self._files)}"
            )
        return self.root / "fmri" / "bbregister" / subject

    def _file(self, subject: str, run: Run) -> Path:
        parts = self._files.get(subject, {}).get(run.title, ())
        if run.part > len(parts):
            raise DataError(
                f"{self.root}/fmri/exp/subject.json: subject {subject} has {len(parts)} runs of "
                f"{run.title}; part {run.part} of the run table is missing"
            )
        return parts[run.part - 1]


def _response_paths(fmri: Path) -> dict[str, dict[str, tuple[Path, ...]]]:
    """Subject -> title -> files of its parts. Of `file` the 3rd and 4th path components count."""
    path = fmri / "exp" / "subject.json"
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return {
            entry["name"]: {
                movie["title"]: tuple(
                    fmri / "raw" / entry["name"] / "/".join(_third_and_fourth(run["file"]))
                    for run in movie["run"]
                )
                for movie in entry["mov"]
            }
            for entry in entries
        }
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except (AttributeError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{path}: expected a list of {{name, mov: [{{title, run: [{{file}}]}}]}} ({error!r})"
        ) from error


def _third_and_fourth(file: str) -> tuple[str, str]:
    parts = list(file.split("/"))
    if len(parts) < 4:
        raise ValueError(f"file {file!r} has fewer than 4 path components")
    return parts[2], parts[3]
