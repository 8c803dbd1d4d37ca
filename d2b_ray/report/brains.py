"""One map as a picture: slices of a volume, or the two hemispheres of a surface from both sides."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.data.treatment import needs_imaging
from d2b_ray.errors import DataError
from d2b_ray.report.figures import volume_mosaic
from d2b_ray.report.maps import volume_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.arrays import Array

__all__ = ["brain_picture"]

MESH, VERTICES = "fsaverage5", 10_242  # of a hemisphere; the mesh that comes with nilearn
VIEWS = (("left", "lateral"), ("left", "medial"), ("right", "medial"), ("right", "lateral"))
DPI = 150


def brain_picture(values: Array, space: Mapping[str, Array], title: str) -> bytes:
    """PNG of values (V,) in the space of a subject (`maps.read_space`), 0 white, scaled alike to both sides.

    DataError where it is not known where voxels lie, and for surfaces of another mesh than fsaverage5.
    """
    if len(space["shape"]):
        return volume_mosaic(volume_of(values, space), title)
    lengths = [int(n) for n in space["surface"]]
    if lengths != [VERTICES, VERTICES]:
        what = (
            f"a surface of {' and '.join(map(str, lengths))} vertices" if lengths else "no volume"
        )
        raise DataError(
            f"a picture can be made of volumes and of {MESH} ({VERTICES} vertices a side); this is {what}: "
            "use `d2b-ray export` and a viewer of its own"
        )
    return _surfaces(np.split(values, 2), title)


def _surfaces(sides: list[Array], title: str) -> bytes:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    plotting = needs_imaging("nilearn.plotting")
    meshes = needs_imaging("nilearn.datasets").fetch_surf_fsaverage(MESH)
    most = float(np.nanmax(np.abs(np.concatenate(sides)))) or 1.0
    figure = Figure(figsize=(11, 2.9))
    for place, (side, view) in enumerate(VIEWS):
        axes = figure.add_subplot(1, len(VIEWS), place + 1, projection="3d")
        plotting.plot_surf(
            meshes[f"infl_{side}"], np.nan_to_num(sides[side == "right"]), hemi=side, view=view,
            bg_map=meshes[f"sulc_{side}"], cmap="RdBu_r", vmin=-most, vmax=most, axes=axes, figure=figure,
            colorbar=False,
        )  # fmt: skip
        axes.set_box_aspect(None, zoom=1.5)
        axes.set_title(f"{side} {view}", fontsize=9)
    figure.subplots_adjust(0, 0, 0.92, 0.86, 0, 0)
    shades = ScalarMappable(Normalize(-most, most), "RdBu_r")
    figure.colorbar(shades, cax=figure.add_axes((0.935, 0.2, 0.01, 0.5)))
    figure.suptitle(title, fontsize=9)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()
