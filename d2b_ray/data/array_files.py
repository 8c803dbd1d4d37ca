"""Matrices of responses in files: .npy, .npz with one array, .parquet with a column a voxel."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from d2b_ray.arrays import Array

__all__ = ["ENDINGS", "matrix_shape", "read_matrix"]

ENDINGS = (".npy", ".npz", ".parquet")


def matrix_shape(path: Path) -> tuple[int, int]:
    """Samples and voxels, by the header; DataError for what is no matrix of numbers."""
    try:
        shape, kind = _header(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: responses cannot be read ({error})") from error
    if len(shape) != 2 or kind.kind not in "fiu":
        raise DataError(
            f"{path}: {kind} of shape {shape}; expected numbers of shape (samples, voxels)"
        )
    return int(shape[0]), int(shape[1])


def read_matrix(path: Path) -> Array:
    """The matrix (samples, voxels); of .npy mapped into memory. DataError as `matrix_shape`."""
    matrix_shape(path)
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            table = pq.read_table(path)
            found: Array = np.stack([column.to_numpy() for column in table.columns], axis=1)
            return found
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return np.asarray(archive[archive.files[0]])
        rows: Array = np.load(path, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: responses cannot be read ({error})") from error
    return rows


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        file = pq.ParquetFile(path)
        kinds = [field.type.to_pandas_dtype() for field in file.schema_arrow]
        kind = np.result_type(*kinds) if kinds else np.dtype(object)
        return (file.metadata.num_rows, len(kinds)), np.dtype(kind)
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise ValueError(f"it holds {', '.join(names) or 'nothing'}; must hold one array")
            with archive.open(names[0]) as file:
                return _npy_header(file)
    with path.open("rb") as plain:  # np.load opens archives too, and may leave them open
        np.lib.format.read_magic(plain)
    mapped: Array = np.load(path, allow_pickle=False, mmap_mode="r")  # which looks at the size, too
    return mapped.shape, mapped.dtype


def _npy_header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, kind = read(file)
    return shape, kind
