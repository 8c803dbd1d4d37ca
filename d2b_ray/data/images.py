"""Images of recordings by nibabel: volumes, surfaces, grayordinates. Imported where an image is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from d2b_ray.data.treatment import needs_imaging
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from d2b_ray.arrays import Array, FloatArray

__all__ = [
    "Mask",
    "cifti_axes",
    "n_samples",
    "read_labels",
    "read_mask",
    "read_samples",
    "sample_seconds",
]

POINTER = 1024  # bytes; a smaller file that names git annex is no image


class Mask(NamedTuple):
    """Which voxels of a volume (X, Y, Z) are fitted, and the affine from i, j, k to millimetres."""

    inside: NDArray[np.bool_]
    affine: NDArray[np.float64]


def n_samples(paths: Sequence[Path]) -> tuple[int, tuple[int, ...]]:
    """Samples of a recording, and its shape in space: (X, Y, Z), vertices a hemisphere, or grayordinates."""
    image = _load(paths[0])
    if hasattr(image, "darrays"):
        counts = [_load(path) for path in paths]
        return len(image.darrays), tuple(len(one.darrays[0].data) for one in counts)
    shape = tuple(int(size) for size in image.shape)
    if paths[0].name.endswith(".dtseries.nii"):
        return shape[0], shape[1:]
    if len(shape) != 4:
        raise DataError(f"{paths[0]}: an image of shape {shape}; must be (X, Y, Z, samples)")
    return shape[3], shape[:3]


def read_samples(
    paths: Sequence[Path], mask: Mask | None, kept: slice, smoothing_mm: float | None = None
) -> FloatArray:
    """Responses (samples, V) float32; V those of `mask`, else all vertices or grayordinates.

    `smoothing_mm`: volumes are smoothed by a Gaussian of this full width at half maximum (nilearn).
    """
    image = _load(paths[0])
    try:
        if hasattr(image, "darrays"):
            sides = [np.stack([one.data for one in _load(path).darrays[kept]]) for path in paths]
            return np.concatenate(sides, axis=1).astype(np.float32)
        if mask is None:
            return np.asarray(image.dataobj[kept], np.float32)
        if smoothing_mm is not None:
            image = needs_imaging("nilearn.image").smooth_img(image, smoothing_mm)
        volume = np.asarray(image.dataobj[..., kept], np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{paths[0]}: the image cannot be read ({error})") from error
    if volume.shape[:3] != mask.inside.shape:
        raise DataError(
            f"{paths[0]}: volumes of {volume.shape[:3]}, and the mask has {mask.inside.shape}; must be of "
            "one space"
        )
    return np.ascontiguousarray(volume[mask.inside].T)


def read_mask(path: Path) -> Mask:
    """A mask image: what is not 0 is inside."""
    image = _load(path)
    try:
        values = np.asarray(image.dataobj)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: the mask cannot be read ({error})") from error
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise DataError(f"{path}: a mask of shape {values.shape}; must be (X, Y, Z)")
    return Mask(np.nan_to_num(values) != 0, np.asarray(image.affine, np.float64))


def read_labels(path: Path, mask: Mask) -> NDArray[np.int64]:
    """Labels (X, Y, Z) of an atlas in the space of `mask`; DataError for another space."""
    image = _load(path)
    labels: Array = np.asarray(image.dataobj)
    if labels.shape != mask.inside.shape or not np.allclose(image.affine, mask.affine, atol=1e-3):
        raise DataError(
            f"{path}: labels of shape {labels.shape} are not in the space of the images, "
            f"{mask.inside.shape}; resample them first (nilearn.image.resample_to_img, nearest)"
        )
    found: NDArray[np.int64] = np.nan_to_num(labels).astype(np.int64)
    return found


def sample_seconds(path: Path) -> float | None:
    """Seconds from sample to sample by the header; None where it does not say."""
    image = _load(path)
    if path.name.endswith(".dtseries.nii"):
        return float(image.header.get_axis(0).step)
    if hasattr(image, "darrays"):
        return None
    step, unit = float(image.header.get_zooms()[3]), image.header.get_xyzt_units()[1]
    scale = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}.get(unit)
    return step * scale if scale and step > 0 else None


def cifti_axes(path: Path) -> str:
    """The XML that says where grayordinates lie, for maps."""
    image = _load(path)
    found: bytes = image.header.get_axis(1).to_mapping(1).to_xml()
    return found.decode()


def _load(path: Path) -> Any:
    """An image, its header read; DataError for what is none."""
    nibabel = needs_imaging("nibabel")
    _refuse_pointer(path)
    try:
        return nibabel.load(path)
    except OSError as error:
        raise DataError(f"{path}: the image cannot be read ({error})") from error
    except Exception as error:  # nibabel's own kinds, of headers that are none
        raise DataError(f"{path}: is no image that nibabel reads ({error})") from error


def _refuse_pointer(path: Path) -> None:
    """DataError for what git annex left in the place of a file: a link to nothing, or a line of text."""
    if path.is_file():
        small = path.stat().st_size < POINTER
        if not (small and b"annex/objects" in path.read_bytes()):
            return
    elif not path.is_symlink():
        raise DataError(f"{path}: is not there")
    raise DataError(
        f"{path}: is a pointer of git annex, not the image; `git annex get {path.name}` fetches it"
    )
