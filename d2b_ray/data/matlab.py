"""MATLAB files: responses of one run (v7.3, HDF5) and a subject's voxels and ROIs (v5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from scipy.io import loadmat

from d2b_ray.data.chunks import DamagedChunkError, rows_by_chunks
from d2b_ray.data.lengths import check_rows
from d2b_ray.data.mat_structure import check_structure
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from d2b_ray.arrays import Array, FloatArray, IntArray
    from d2b_ray.data.lengths import ExtraRows

__all__ = ["read_responses", "read_rois", "read_voxels", "response_shape"]

VARIABLE = "dataDT"
ROWS = 32  # volumes read at a time: a whole run is 2 GB, of which an eighth is cortex


def response_shape(path: Path) -> tuple[int, int]:
    """Samples and columns of a response file (all voxels of the volume); reads the header only."""
    with _opened(path) as file:
        rows, width = _series(file, path).shape[-2:]
        return int(rows), int(width)


def read_responses(
    path: Path, columns: IntArray, seconds: int, extra_rows: ExtraRows = "cut"
) -> FloatArray:
    """First `seconds` samples of the wanted `columns` (0-based), (seconds, V) float32."""
    with _opened(path) as file:
        series = _series(file, path)
        width = series.shape[-1]
        check_rows(path, "responses", series.shape[-2:], seconds, extra_rows)
        if len(columns) and int(columns.max()) >= width:
            raise DataError(
                f"{path}: {width} voxels, but vset_099.mat names voxel {int(columns.max()) + 1}; "
                "the two files are not of the same volume"
            )
        try:
            found = rows_by_chunks(series, columns, seconds)
        except DamagedChunkError as error:
            raise _damaged(path, str(error)) from error
        if found is not None:
            return found
        out = np.empty((seconds, len(columns)), np.float32)
        for start in range(0, seconds, ROWS):
            rows = _rows(series, start, min(start + ROWS, seconds), path)
            out[start : start + ROWS] = rows.reshape(-1, width)[:, columns]
    return out


def read_voxels(path: Path) -> tuple[IntArray, tuple[int, ...]]:
    """0-based flat positions in the volume from `tvoxels`, and the volume's shape, () if unknown.

    The shape is not part of the old files; the demo data set adds it as `volume_shape`.
    """
    content = _loaded(path)
    if "tvoxels" not in content:
        raise DataError(f"{path}: has no variable tvoxels (1-based voxel indices)")
    index = np.asarray(content["tvoxels"], np.int64).reshape(-1) - 1
    if not len(index) or index.min() < 0 or len(np.unique(index)) != len(index):
        raise DataError(f"{path}: tvoxels must be distinct 1-based voxel indices")
    shape = np.asarray(content.get("volume_shape", []), np.int64).reshape(-1)
    if len(shape) and index.max() >= np.prod(shape):
        raise DataError(
            f"{path}: tvoxels names voxel {index.max() + 1}, but volume_shape {shape.tolist()} has "
            f"{np.prod(shape)} voxels"
        )
    return index, tuple(int(size) for size in shape)


def read_rois(path: Path, index: IntArray) -> dict[str, IntArray]:
    """Cortical ROIs: label -> positions within `index` (V,), in the order of the file.

    The file holds a struct whose second field lists labels and whose third lists 1-based voxels of
    the volume, each in a cell of a cell. Labels that begin with `ctx` are kept.
    """
    content = [value for name, value in _loaded(path).items() if not name.startswith("__")]
    position = {voxel: place for place, voxel in enumerate(index.tolist())}
    try:
        _, labels, voxels = content[0].reshape(-1)[0]
        pairs = [
            (str(_bare(label)), np.asarray(_bare(cell), np.int64).reshape(-1))
            for label, cell in zip(labels.reshape(-1), voxels.reshape(-1), strict=True)
        ]
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: expected a struct with a name, a cell of labels and a cell of voxel lists"
        ) from error
    return {
        label: np.array([position[v] for v in (cell - 1).tolist() if v in position], np.int64)
        for label, cell in pairs
        if label.startswith("ctx")
    }


def _bare(value: Any) -> Any:
    """The content of nested one-element cells."""
    while isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, np.ndarray) and value.dtype.kind in "US" and value.size == 1:
        return value.reshape(-1)[0]
    return value


def _loaded(path: Path) -> dict[str, Any]:
    try:
        check_structure(path.read_bytes())
        content: dict[str, Any] = loadmat(path)
    except Exception as error:  # scipy lets the errors of zlib and of its own kind through
        raise DataError(f"{path}: cannot be read as a MATLAB v5 file ({error})") from error
    return content


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path}: cannot be read as a MATLAB v7.3 file ({error})") from error


def _series(file: h5py.File, path: Path) -> Any:
    if VARIABLE not in file:
        raise DataError(f"{path}: has no variable {VARIABLE}; it has {', '.join(file) or 'none'}")
    series = file[VARIABLE]
    shape, kind = getattr(series, "shape", ()), getattr(series, "dtype", np.dtype(object)).kind
    if len(shape) < 2 or any(size != 1 for size in shape[:-2]) or kind not in "fiu":
        raise DataError(
            f"{path}: {VARIABLE} has shape {shape}; expected numbers of shape (time, voxels)"
        )
    return series


def _rows(series: Any, start: int, stop: int, path: Path) -> Array:
    try:
        return np.asarray(series[..., start:stop, :])
    except OSError as error:
        raise _damaged(path, f"rows {start} to {stop}: {error}") from error


def _damaged(path: Path, what: str) -> DataError:
    where, _, reason = what.partition(": ")
    return DataError(
        f"{path}: {where} of {VARIABLE} cannot be read ({reason}); the file is damaged, copy it again"
    )
