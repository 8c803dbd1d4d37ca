"""A volume on the flattened cortex of its own subject, by pycortex and its data base (extra `pycortex`).

Such a data base lies beside ds005531 (`derivatives/pycortex_db`). A vertex has the value of its voxel.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import DataError, SpecError
from d2b_ray.report.figures import png_of
from d2b_ray.report.maps import volume_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from d2b_ray.arrays import Array

__all__ = ["flat_map"]

HEIGHT, DPI = 1024, 100  # pixels of the cortex


def flat_map(
    values: Array,
    space: Mapping[str, Array],
    title: str,
    where: str,
    data_base: Path | None = None,
) -> bytes:
    """PNG of values (V,) in a volume (`maps.read_space`), 0 white, scaled alike to both sides.

    `where` SUBJECT/TRANSFORM of the data base; `data_base` its folder, that of pycortex's settings if not
    given. pycortex writes its caches into the subject's folder. DataError without pycortex, for a subject
    or transform that is not there, and for another volume than the transform is of.
    """
    subject, _, transform = where.partition("/")
    if not subject or not transform:
        raise SpecError(f"--cortex {where}: must be SUBJECT/TRANSFORM of a pycortex data base")
    if not len(space["shape"]):
        raise DataError("--cortex: needs a volume in the space of the subject's scans")
    cortex = _cortex(data_base)
    there = sorted(cortex.db.subjects)
    if subject not in there:
        raise DataError(
            f"--cortex {where}: {cortex.db.filestore} has no subject {subject}; it has "
            f"{', '.join(there) or 'none'} (--cortex-db names another folder)"
        )
    transforms = sorted(cortex.db[subject].transforms.xfms)
    if transform not in transforms:
        raise DataError(
            f"--cortex {where}: subject {subject} has no transform {transform}; allowed: "
            f"{', '.join(transforms) or 'none'}"
        )
    wanted = tuple(int(n) for n in cortex.db.get_xfm(subject, transform).shape)
    volume = volume_of(values, space).T  # Z, Y, X, as pycortex has it
    if volume.shape != wanted:
        raise DataError(
            f"--cortex {where}: the transform is of a volume {wanted}, and these results are of "
            f"{volume.shape} (Z, Y, X)"
        )
    return _drawn(cortex, np.nan_to_num(volume), title, subject, transform)


def _cortex(data_base: Path | None) -> Any:
    if data_base is not None and not data_base.is_dir():
        raise DataError(f"--cortex-db {data_base}: there is no such folder")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it would like to have beside
            import cortex
    except ImportError as error:
        raise DataError(
            f"--cortex: needs pycortex ({error}); install it with: pip install 'd2b-ray[pycortex]'"
        ) from error
    if data_base is not None:
        cortex.db.filestore = str(data_base)
        cortex.db.reload_subjects()
    return cortex


def _drawn(cortex: Any, volume: Array, title: str, subject: str, transform: str) -> bytes:
    from matplotlib import pyplot

    most = float(np.abs(volume).max()) or 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own use of matplotlib
        shown = cortex.Volume(volume, subject, transform, cmap="RdBu_r", vmin=-most, vmax=most)
        figure = cortex.quickflat.make_figure(
            shown, sampler="nearest", height=HEIGHT, with_rois=False, with_labels=False,
            with_curvature=True, with_colorbar=True,
        )  # fmt: skip
        figure.suptitle(title, fontsize=12)
        pyplot.close(figure)
        return png_of(figure, DPI)
