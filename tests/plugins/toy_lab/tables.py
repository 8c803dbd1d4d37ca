"""A layout of a lab: one CSV a run, a row a second: what was said, then all voxels of all subjects.

<root>/runs.csv           run table
<root>/Title_001.csv      columns: said, S1.0, S1.1, ..., S2.0, ...
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.arrays import Voxels
from d2b_ray.data import read_runs
from d2b_ray.data.media import MediaFolder
from d2b_ray.data.release import ReleaseFeatures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from d2b_ray.arrays import Run

LEVEL = "said"


class TablesDataset:
    """A data set of CSV files."""

    def __init__(self, root: Path) -> None:
        self.feature_root = root
        self.runs = read_runs(root / "runs.csv")
        self.media = MediaFolder(root / "stimuli", self.runs)
        self.release = ReleaseFeatures(root, self.runs)

    @property
    def subjects(self) -> tuple[str, ...]:
        """What stands before the dots in the head of the first table."""
        return tuple(dict.fromkeys(name.split(".")[0] for name in self._table(0)[0] if "." in name))

    def levels(self) -> tuple[str, ...]:
        """There is one."""
        return (LEVEL,)

    def captions(self, run: Run, level: str) -> list[list[str]]:
        """A row a second, of one annotator."""
        return [[row[0]] for row in self._table(run)[1:]]

    def caption_files(self, level: str) -> tuple[str, ...]:
        """The tables."""
        return self.response_files("")

    def responses(self, subject: str, runs: Sequence[Run]) -> np.ndarray:
        """(samples of all runs, V) float32."""
        head = self._table(0)[0]
        own = [column for column, name in enumerate(head) if name.startswith(f"{subject}.")]
        rows = [row for run in runs for row in self._table(run)[1 + run.overlap :]]
        return np.array([[row[column] for column in own] for row in rows], np.float32)

    def response_files(self, subject: str) -> tuple[str, ...]:
        """The tables."""
        return tuple(str(self.feature_root / f"{run.name}.csv") for run in self.runs.used)

    def voxels(self, subject: str) -> Voxels:
        """Numbered from 0."""
        width = self.responses(subject, self.runs.used[:1]).shape[1]
        return Voxels(np.arange(width), (), np.full(width, "", np.str_))

    def _table(self, run: Run | int) -> list[list[str]]:
        name = self.runs.used[run].name if isinstance(run, int) else run.name
        with (self.feature_root / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))
