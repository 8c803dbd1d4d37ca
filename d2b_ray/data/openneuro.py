"""Layout `openneuro`: the public release of drama2brain's experiment (ds005531), as it is downloaded.

<root>/derivatives/preprocessed_data/sub-S01/sub-S01_task-{title}_run-{NN}.mat   v7.3, dataDT (time, voxels)
<root>/derivatives/preprocessed_data/sub-S01/vset_100.mat                       tvoxels: 1-based indices
<root>/derivatives/annotation/{title}_run-{NN}_{level}_each1sec.txt             a line a second
<root>/derivatives/feature/...                                                  its features (optional)
<root>/runs.csv                                                                 default: the paper's table

Runs are called as in the paper (`BreakingBad_001`); column `public_file` of the run table names their files.
A line of annotations is `[time]text/text`, a text an annotator; 不明 says nothing; of
speechTranscription what follows メイン#. Levels that the release lacks may lie in <root>/annotations, as
drama2brain has them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.arrays import Voxels
from d2b_ray.data.data_folder import DataFolder
from d2b_ray.data.lengths import check_rows
from d2b_ray.data.matlab import read_responses, read_voxels, response_shape
from d2b_ray.data.runs import drama2brain_runs, read_runs
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from d2b_ray.arrays import FloatArray, Run
    from d2b_ray.data.lengths import ExtraRows

__all__ = ["OpenNeuroDataset"]

VOLUME = (72, 96, 96)
ENDING = "_each1sec.txt"
TIME = re.compile(r"^\s*\[[^\]]*\]")
MAIN = "メイン#"
UNCLEAR = "不明"


class OpenNeuroDataset(DataFolder):
    """The release. Opening reads names and the run table."""

    extra_rows: ExtraRows = "cut"  # its recordings run on for some seconds

    def __init__(self, root: Path) -> None:
        self.root = root
        table = root / "runs.csv"
        super().__init__(root, read_runs(table) if table.is_file() else drama2brain_runs())
        self._prepared = root / "derivatives" / "preprocessed_data"
        self._annotated = root / "derivatives" / "annotation"

    @property
    def subjects(self) -> tuple[str, ...]:
        """`sub-...` folders of prepared data, sorted."""
        found = sorted(path.name for path in self._prepared.glob("sub-*") if path.is_dir())
        if not found:
            raise DataError(
                f"{self._prepared}: there is no folder sub-*; download derivatives/preprocessed_data of "
                "ds005531"
            )
        return tuple(found)

    def levels(self) -> tuple[str, ...]:
        """Levels of the release and those that were added, sorted."""
        names = self.release.public_names()
        first = names.get(self.runs.used[0].name, "")
        paths = self._annotated.glob(f"{first}_*{ENDING}")
        own = {path.name.removeprefix(f"{first}_").removesuffix(ENDING) for path in paths}
        return tuple(sorted(own | set(self._captions.levels())))

    def captions(self, run: Run, level: str) -> list[list[str]]:
        """Captions of a run: a row a second, a column an annotator."""
        path = self._annotation(run, level)
        if not path.is_file():
            return self._captions.read(run, level, self.extra_rows)
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"{path}: annotations cannot be read ({error}); must be UTF-8"
            ) from error
        check_rows(path, "annotations", (len(lines),), run.seconds, self.extra_rows)
        rows = [_texts(line) for line in lines[: run.seconds]]
        width = max(len(row) for row in rows)
        return [row + [".."] * (width - len(row)) for row in rows]

    def caption_files(self, level: str) -> tuple[str, ...]:
        """Paths of a level's files, for the runs that have a role."""
        paths = [self._annotation(run, level) for run in self.runs.used]
        missing = [path for path in paths if not path.is_file()]
        if len(missing) == len(paths):
            return self._captions.files(level)
        if missing:
            raise DataError(f"{missing[0]}: {len(missing)} of {len(paths)} annotations are missing")
        return tuple(str(path) for path in paths)

    def responses(self, subject: str, runs: Sequence[Run]) -> FloatArray:
        """Responses (samples, V) float32: first `seconds` rows of each run, less its overlap."""
        index, _ = read_voxels(self._prepared / subject / "vset_100.mat")
        parts = [
            read_responses(self._file(subject, run), index, run.seconds, self.extra_rows)[
                run.overlap :
            ]
            for run in runs
        ]
        return np.concatenate(parts)

    def response_files(self, subject: str) -> tuple[str, ...]:
        """Paths of the responses and of vset_100.mat, all of one volume and as long as their runs."""
        files = [self._file(subject, run) for run in self.runs.recorded]
        missing = [path for path in files if not path.is_file()]
        if missing:
            raise DataError(
                f"{missing[0]}: {len(missing)} of {len(files)} response files of subject {subject} are "
                "missing"
            )
        chosen = self._prepared / subject / "vset_100.mat"
        index, _ = read_voxels(chosen)
        for path, run in zip(files, self.runs.recorded, strict=True):
            shape = response_shape(path)
            check_rows(path, "responses", shape, run.seconds, self.extra_rows)
            if shape[1] <= int(index.max()):
                raise DataError(
                    f"{path}: {shape[1]} voxels, of which {chosen} names the {int(index.max()) + 1}th"
                )
        return tuple(str(path) for path in [*files, chosen])

    def voxels(self, subject: str) -> Voxels:
        """Positions in the volume."""
        index, shape = read_voxels(self._prepared / subject / "vset_100.mat")
        if not shape:
            _, width = response_shape(self._file(subject, self.runs.used[0]))
            shape = VOLUME if width == np.prod(VOLUME) else ()
        return Voxels(index, shape, np.full(len(index), "", np.str_))

    def _file(self, subject: str, run: Run) -> Path:
        return self._prepared / subject / f"{subject}_task-{self._public(run)}.mat"

    def _annotation(self, run: Run, level: str) -> Path:
        return self._annotated / f"{self._public(run)}_{level}{ENDING}"

    def _public(self, run: Run) -> str:
        names = self.release.public_names()
        if run.name not in names:
            raise DataError(
                f"{self.root}/runs.csv: run {run.name} has no public_file (task-breakingbad_run-01)"
            )
        return names[run.name]


def _texts(line: str) -> list[str]:
    """What each annotator says; `..` for nothing."""
    line = TIME.sub("", line).replace("\u3000", "")
    return [_text(part) for part in line.split("/")]


def _text(part: str) -> str:
    words = part.partition(MAIN)[2] if MAIN in part else part
    words = words.strip()
    return ".." if words in ("", UNCLEAR) else words
