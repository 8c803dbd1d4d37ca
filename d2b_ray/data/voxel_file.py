"""Where voxels lie, as layout `arrays` is told: voxels/<subject>.npz, one way of four.

    mask (X, Y, Z) bool                 column v is the v-th of `data[mask]`, as NumPy and nilearn have it
    coordinates (V, 3) integers         i, j, k of each column; `shape` (3,) of the volume if known
    index (V,), shape (3,), order       flat positions in a volume X, Y, Z; order "C": k fastest, as
                                        `numpy.flatnonzero`; "F": i fastest, as MATLAB's `find` less 1
    index (V,)                          numbers of the columns, which lie nowhere

and, if you like, roi (V,) labels, affine (4, 4) from i, j, k to millimetres, and template, the space that the
volume is aligned to (such as MNI152NLin2009cAsym).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from zipfile import BadZipFile

import numpy as np

from d2b_ray.arrays import Voxels
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from d2b_ray.arrays import Array, IntArray

__all__ = ["numbered", "read_voxels"]

HOLDS = (
    "the file holds mask (X, Y, Z), or coordinates (V, 3), or index (V,) with shape (3,) and order "
    "(C or F), or index alone; and, if you like, roi (V,), affine (4, 4) and template (a name)"
)


def numbered(width: int) -> Voxels:
    """Voxels of which nothing is known: columns are numbered from 0."""
    return Voxels(np.arange(width), (), np.full(width, "", np.str_))


def read_voxels(path: Path, width: int) -> Voxels:
    """What an .npz file tells of `width` columns. DataError, with the file's name, if it does not fit."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: np.asarray(found[name]) for name in found.files}
    except (AttributeError, EOFError, OSError, TypeError, ValueError, BadZipFile) as error:
        raise DataError(f"{path}: voxels cannot be read ({error}); {HOLDS}") from error
    given = [name for name in ("mask", "coordinates", "index") if name in arrays]
    if len(given) != 1:
        raise DataError(f"{path}: has {' and '.join(given) or 'no positions'}; {HOLDS}")
    index, shape = _positions(path, given[0], arrays, width)
    roi = np.asarray(arrays.get("roi", np.full(width, "", np.str_)), np.str_)
    if roi.shape != (width,):
        raise DataError(
            f"{path}: roi has shape {roi.shape}; must have {width} entries, one a voxel"
        )
    affine = arrays.get("affine")
    if affine is not None and (
        affine.shape != (4, 4) or not np.isfinite(affine).all() or not shape
    ):
        raise DataError(
            f"{path}: affine has shape {affine.shape}; must be (4, 4) finite numbers, beside positions "
            "in a volume (mask, coordinates, or index with shape)"
        )
    template = str(arrays.get("template", ""))
    place = None if affine is None else affine.astype(np.float64)
    return Voxels(index, shape, roi, place, template=template)


def _positions(
    path: Path, way: str, arrays: Mapping[str, Array], width: int
) -> tuple[IntArray, tuple[int, ...]]:
    """Flat positions with i fastest, and the shape of the volume as Z, Y, X; () if it is not known."""
    if way == "index" and "shape" not in arrays:
        index = _integers(path, "index", arrays["index"], (width,))
        return index, ()
    shape = _shape(path, way, arrays)
    if way == "mask":
        mask = arrays["mask"]
        places = np.stack(np.nonzero(mask))
        if places.shape[1] != width:
            raise DataError(
                f"{path}: mask is true in {places.shape[1]} voxels, and responses have {width} columns"
            )
    elif way == "coordinates":
        places = _integers(path, way, arrays[way], (width, 3)).T
        if (places < 0).any() or (places >= np.array(shape)[:, None]).any():
            raise DataError(
                f"{path}: coordinates must lie within the volume of shape {shape}, from 0"
            )
    else:
        index, order = _integers(path, "index", arrays["index"], (width,)), _order(path, arrays)
        if index.min() < 0 or index.max() >= np.prod(shape):
            raise DataError(f"{path}: index must lie within the volume of shape {shape}, from 0")
        places = np.stack(np.unravel_index(index, shape, order=order))
    i, j, k = places.astype(np.int64)
    return i + shape[0] * (j + shape[1] * k), shape[::-1]


def _shape(path: Path, way: str, arrays: Mapping[str, Array]) -> tuple[int, ...]:
    if way == "mask":
        if arrays["mask"].ndim != 3 or arrays["mask"].dtype != bool:
            raise DataError(
                f"{path}: mask is {arrays['mask'].dtype} of shape {arrays['mask'].shape}; must be "
                "bool (X, Y, Z)"
            )
        return tuple(arrays["mask"].shape)
    if "shape" not in arrays:  # of coordinates: the box that holds them
        return tuple(int(n) + 1 for n in _integers(path, way, arrays[way], None).max(0))
    return tuple(int(n) for n in _integers(path, "shape", arrays["shape"], (3,)))


def _order(path: Path, arrays: Mapping[str, Array]) -> Literal["C", "F"]:
    order = str(arrays["order"]) if "order" in arrays else "none"
    if order in ("C", "F"):
        return order  # type: ignore[return-value]  # one of the two
    raise DataError(
        f"{path}: order of index is {order}; must be C (the last axis is fastest, as in "
        "numpy.flatnonzero(mask)) or F (the first, as in MATLAB's find(mask) - 1), or give mask or "
        "coordinates instead"
    )


def _integers(path: Path, name: str, values: Array, shape: tuple[int, ...] | None) -> IntArray:
    if (
        values.dtype.kind not in "iu"
        or (shape is not None and values.shape != shape)
        or (shape is None and (values.ndim != 2 or values.shape[1] != 3 or not len(values)))
    ):
        wanted = "(V, 3)" if shape is None else str(shape)
        raise DataError(
            f"{path}: {name} is {values.dtype} of shape {values.shape}; must be integers of shape {wanted}"
        )
    return values.astype(np.int64)
