"""A volume to walk through in the page: three slices that follow a click. By nilearn, if it is there."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.arrays import Array

__all__ = ["turnable"]

RANDOM_ID = re.compile(
    r"-[0-9a-f]{32}\b"
)  # of nilearn's elements: the same values give the same bytes
ICON = re.compile(
    r"<link\s+rel=\"icon\".*?/>", re.DOTALL
)  # the only thing that is asked of a network


def turnable(values: Array, space: Mapping[str, Array], title: str) -> str | None:
    """An HTML document of values (V,) in the volume of a subject (`maps.read_space`), 0 white.

    None where nilearn is not installed, or nothing is in a volume. Without an affine axes are voxels.
    """
    if find_spec("nilearn") is None or not len(space["shape"]) or not np.isfinite(values).any():
        return None
    from nilearn.plotting import view_img

    from d2b_ray.report.maps import image_of

    image = image_of(np.nan_to_num(values), space, title)
    inside = np.nan_to_num(np.asarray(image.dataobj, np.float32))
    shown: Any = type(image)(inside, image.affine)
    peak = np.unravel_index(np.abs(inside).argmax(), inside.shape)
    centre = (image.affine @ [*peak, 1])[:3].tolist()  # where it opens
    view = view_img(
        shown, cut_coords=centre, bg_img=False, threshold=None, cmap="RdBu_r", symmetric_cmap=True,
        title=title, black_bg=False, resampling_interpolation="nearest", width_view=600,
    )  # fmt: skip
    document: str = view.get_standalone()
    return ICON.sub("", RANDOM_ID.sub("-d2b", document))
