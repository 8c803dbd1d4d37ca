"""Features of the public release (OpenNeuro ds005531), which lie ready: MATLAB files, one a run and layer.

<root>/derivatives/feature/{title}_run-{NN}_{level}_{model}_layer{L}_mean.mat    `stim` (seconds, width)

Titles are those of the release: column `public_file` of the run table (`task-breakingbad_run-01`).
"""

from __future__ import annotations

import csv
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.io import loadmat, whosmat

from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from d2b_ray.arrays import FloatArray, RunTable

__all__ = ["ReleaseFeatures"]

VARIABLE = "stim"


class ReleaseFeatures:
    """The release's features in a data set; there may be none."""

    def __init__(self, root: Path, runs: RunTable) -> None:
        self.folder = root / "derivatives" / "feature"
        self._table = root / "runs.csv"
        self._runs = runs
        self._names: dict[str, str] | None = None

    def files(self, level: str, model: str, layer: int) -> dict[str, Path]:
        """Run -> file, of the runs that have a role and a file."""
        if not self.folder.is_dir():
            return {}
        names = self.public_names()
        ending = f"_{level}_{model}_layer{layer}_mean.mat"
        paths = {
            run.name: self.folder / f"{names[run.name]}{ending}"
            for run in self._runs.used
            if run.name in names
        }
        return {run: path for run, path in paths.items() if path.is_file()}

    def layers(self, model: str) -> dict[int, Path]:
        """Layers of which there is any file, with one of them."""
        found = {}
        for path in sorted(self.folder.glob(f"*_{model}_layer*_mean.mat")):
            number = path.name.rpartition("_layer")[2].removesuffix("_mean.mat")
            if number.isdecimal():
                found[int(number)] = path
        return found

    @staticmethod
    def shape(path: Path) -> tuple[int, ...]:
        """Shape of the features, from the header of the file."""
        try:
            found = {name: shape for name, shape, _ in whosmat(path)}
        except Exception as error:  # scipy lets the errors of zlib and of its own kind through
            raise DataError(f"{path}: cannot be read as a MATLAB v5 file ({error})") from error
        if VARIABLE not in found:
            raise DataError(
                f"{path}: has no variable {VARIABLE} (seconds, width); it has "
                f"{', '.join(found) or 'none'}"
            )
        return tuple(int(size) for size in found[VARIABLE])

    @staticmethod
    def read(path: Path) -> FloatArray:
        """Features (seconds, width) float32."""
        ReleaseFeatures.shape(path)
        try:
            content: dict[str, Any] = loadmat(path, variable_names=[VARIABLE])
        except Exception as error:  # as above
            raise DataError(f"{path}: cannot be read as a MATLAB v5 file ({error})") from error
        rows = np.asarray(content[VARIABLE])
        if rows.ndim != 2 or rows.dtype.kind not in "fiu":
            raise DataError(
                f"{path}: {VARIABLE} is {rows.dtype} of shape {rows.shape}; expected numbers of shape "
                "(seconds, width)"
            )
        return rows.astype(np.float32)

    def public_names(self) -> dict[str, str]:
        """Run -> `breakingbad_run-01`, from the data set's run table, else from that of the paper."""
        if self._names is None:
            table = resources.files("d2b_ray.data") / "drama2brain_runs.csv"
            if self._table.is_file():
                self._names = _names(self._table.read_text(encoding="utf-8-sig"))
            if not self._names:
                self._names = _names(table.read_text(encoding="utf-8-sig"))
        return self._names


def _names(text: str) -> dict[str, str]:
    rows = list(csv.DictReader(text.splitlines()))
    return {
        f"{row['title'].strip()}_{int(row['part']):03d}": row["public_file"].removeprefix("task-")
        for row in rows
        if row.get("public_file") and row["title"].strip() and row["part"].isdecimal()
    }
