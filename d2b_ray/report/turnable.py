"""A map to walk through in the page: three slices that follow a click, or a surface to turn. By nilearn."""

from __future__ import annotations

import re
import warnings
from importlib.util import find_spec
from inspect import signature
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.arrays import Array

__all__ = ["turnable"]

MESH, VERTICES = "fsaverage5", 10_242  # of a hemisphere; the mesh that comes with nilearn
GAP_MM = 5.0  # between hemispheres
RANDOM_ID = re.compile(
    r"-[0-9a-f]{32}\b"
)  # of nilearn's elements: the same values give the same bytes
ICON = re.compile(
    r"<link\s+rel=\"icon\".*?/>", re.DOTALL
)  # the only thing that is asked of a network


def turnable(values: Array, space: Mapping[str, Array], title: str) -> str | None:
    """An HTML document of values (V,) in the space of a subject (`maps.read_space`), 0 white.

    Of a volume (without an affine axes are voxels), or of fsaverage5. None where nilearn is not installed,
    nothing is a number, or it is another space.
    """
    if find_spec("nilearn") is None or not np.isfinite(values).any():
        return None
    if len(space["shape"]):
        document: str | None = _volume(values, space, title)
    elif [int(n) for n in space["surface"]] == [VERTICES, VERTICES]:
        document = _surface(values, title)
    else:
        return None
    return document and ICON.sub("", RANDOM_ID.sub("-d2b", document))


def _volume(values: Array, space: Mapping[str, Array], title: str) -> str:
    from nilearn.plotting import view_img

    from d2b_ray.report.maps import shown_image

    shown = shown_image(values, space, title)
    inside = np.asarray(shown.dataobj)
    peak = np.unravel_index(np.abs(inside).argmax(), inside.shape)
    centre = (shown.affine @ [*peak, 1])[:3].tolist()  # where it opens
    with warnings.catch_warnings():
        # all values are finite; what nilearn resamples may hold others at its edge, and it sets them to 0
        warnings.filterwarnings("ignore", "Non-finite values detected", UserWarning)
        view = view_img(
            shown, cut_coords=centre, bg_img=False, threshold=None, cmap="RdBu_r", symmetric_cmap=True,
            title=title, black_bg=False, resampling_interpolation="nearest", width_view=600,
        )  # fmt: skip
    document: str = view.get_standalone()
    return document


def _surface(values: Array, title: str) -> str | None:
    """Both inflated hemispheres, side by side, by niivue, which nilearn has since 0.14."""
    from nilearn.datasets import fetch_surf_fsaverage
    from nilearn.plotting import view_surf
    from nilearn.surface import load_surf_data, load_surf_mesh

    if "engine" not in signature(view_surf).parameters:
        return None
    meshes = fetch_surf_fsaverage(MESH)
    left, right = (load_surf_mesh(meshes[f"infl_{side}"]) for side in ("left", "right"))
    places = [np.array(one.coordinates, np.float32) for one in (left, right)]
    places[0][:, 0] -= places[0][:, 0].max() + GAP_MM
    places[1][:, 0] -= places[1][:, 0].min() - GAP_MM
    mesh = [np.concatenate(places), np.concatenate([left.faces, right.faces + len(places[0])])]
    folds = [load_surf_data(meshes[f"curv_{side}"]) for side in ("left", "right")]
    view = view_surf(
        mesh, np.nan_to_num(values).astype(np.float32), bg_map=np.sign(np.concatenate(folds)),
        cmap="RdBu_r", symmetric_cmap=True, title=title, title_fontsize=15, engine="niivue",
        vmax=float(np.nanmax(np.abs(values))) or 1.0,
    )  # fmt: skip
    document: str = view.get_standalone()
    return document
