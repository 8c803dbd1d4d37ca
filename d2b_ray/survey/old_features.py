"""Features that drama2brain (or anybody) has extracted, brought beside a data set after a look at each file.

A folder is `<modality>/<hparams>/<model>/layer<N>` with a file a run, `<title>_<part:03d>.npy`, anywhere
below the given one. It is taken whole, or left out with the reason: a run that is missing, or rows, widths,
types and values that no fit could use. Arrays alone are read, never a pickle.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from d2b_ray.data.lengths import check_rows
from d2b_ray.data.npy import first_not_finite, npy_shape
from d2b_ray.errors import DataError
from d2b_ray.store import Layout, Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.data import Dataset

__all__ = ["ImportedFeatures", "import_features"]

LAYER = re.compile(r"(?:.*/)?(?P<place>[^/]+/[^/]+/[^/]+/layer(?:\d+|None))")


class ImportedFeatures(NamedTuple):
    """Folders that lie beside the data set now; those that were left out, with why; files passed over."""

    folders: tuple[str, ...]
    left_out: dict[str, str]
    passed_over: int


def import_features(old: Path, dataset: Dataset) -> ImportedFeatures:
    """Copy what fits the runs of `dataset` into its `stim_features`. DataError where there is nothing.

    What lies there already with the same bytes stays; with others, the folder is left out.
    """
    target = Store(str(dataset.feature_root))
    if old.resolve() == (Path(dataset.feature_root) / Layout.FEATURES).resolve():
        raise DataError(f"{old}: are the features of this data set already")
    folders: dict[str, dict[str, Path]] = {}
    passed_over, known = 0, {run.name: run for run in dataset.runs.runs}
    for path in sorted(old.rglob("*.npy")):
        match = LAYER.fullmatch(path.parent.relative_to(old.parent).as_posix())
        if match is None or path.stem not in known:
            passed_over += 1  # reduced copies (PCs, eps) and what belongs to no run
            continue
        folders.setdefault(match["place"], {})[path.stem] = path
    if not folders:
        raise DataError(
            f"{old}: no file is called <modality>/<hparams>/<model>/layer<N>/<run>.npy of a run of the "
            f"data set ({', '.join(list(known)[:3])} ...)"
        )
    done, left_out = [], {}
    for place, files in folders.items():
        try:
            _check(files, dataset)
            _copy(place, files, target)
        except DataError as error:
            left_out[place] = str(error)
        else:
            done.append(place)
    return ImportedFeatures(tuple(done), left_out, passed_over)


def _check(files: Mapping[str, Path], dataset: Dataset) -> None:
    """DataError unless all runs with a role are there, a finite row a second, all of one width."""
    used = dataset.runs.used
    missing = [run.name for run in used if run.name not in files]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(f"{len(missing)} of {len(used)} runs are missing: {missing[0]}{more}")
    width: int | None = None
    for run in used:
        path = files[run.name]
        shape = npy_shape(path)
        if len(shape) != 2 or shape[1] != (width := width or shape[-1]):
            raise DataError(
                f"{path}: shape {shape}; must be (seconds, {width or 'width'}), as the first"
            )
        check_rows(path, "features", shape, run.seconds, dataset.extra_rows)
        if (row := first_not_finite(path)) is not None:
            raise DataError(f"{path}: row {row} holds a value that is not finite")


def _copy(place: str, files: Mapping[str, Path], target: Store) -> None:
    """All files or none; DataError where another file has a name."""
    paths = {run: f"{Layout.FEATURES}{place}/{path.name}" for run, path in files.items()}
    contents = {run: path.read_bytes() for run, path in files.items()}
    for run, path in paths.items():
        if target.exists(path) and target.read_bytes(path) != contents[run]:
            raise DataError(f"{target.address(path)}: is there already, with other numbers")
    for run, path in paths.items():
        if not target.exists(path):
            target.write_bytes(path, contents[run])
