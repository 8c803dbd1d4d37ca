"""Features that lie ready as .npy files: what their headers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["first_not_finite", "npy_shape"]

ROWS = 256  # at a time


def npy_shape(path: Path) -> tuple[int, ...]:
    """Shape of an array of numbers, by its header; DataError for anything else, an .npz included."""
    try:
        with path.open("rb") as file:  # np.load opens archives too
            np.lib.format.read_magic(file)
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise DataError(f"{path}: features cannot be read ({error}); write them again") from error
    if rows.dtype.kind not in "fiu":
        raise DataError(f"{path}: features are {rows.dtype}; must be numbers")
    return tuple(rows.shape)


def first_not_finite(path: Path) -> int | None:
    """The first row of an array of numbers (n, p) with a value that is not finite; None if all are."""
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    for start in range(0, len(rows), ROWS):
        bad = ~np.isfinite(rows[start : start + ROWS]).all(1)
        if bad.any():
            return start + int(bad.argmax())
    return None
