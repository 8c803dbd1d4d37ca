"""One map as a picture: slices or a glass brain of a volume, hemispheres of a surface inflated or flat."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from d2b_ray.data.treatment import needs_imaging
from d2b_ray.errors import DataError
from d2b_ray.report.figures import png_of, volume_mosaic
from d2b_ray.report.maps import map_values, read_space, shown_image, volume_of
from d2b_ray.report.picture_names import OF_SURFACES, OF_VOLUMES
from d2b_ray.report.soundness import best_fits
from d2b_ray.report.turnable import MESH, VERTICES, turnable
from d2b_ray.store import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from d2b_ray.arrays import Array
    from d2b_ray.store import Store

__all__ = ["Brain", "best_brains", "brain_picture", "views"]

log = logging.getLogger(__name__)
VIEWS = (("left", "lateral"), ("left", "medial"), ("right", "medial"), ("right", "lateral"))
DPI = 150
MOST_BRAINS = 12  # more would not be looked at; `d2b-ray export` writes any
MOST_TURNED = 6  # surfaces to turn: each brings 3.3 MB


class Brain(NamedTuple):
    """A map: pictures (PNG) by view, what it shows, and HTML to walk through it, if there is any."""

    pictures: dict[str, bytes]
    caption: str
    document: str | None


def best_brains(store: Store, fits: Iterable[Mapping[str, Any]]) -> dict[str, Brain]:
    """Subject -> r of its best fit by cv_r, where it is known where voxels lie."""
    found: dict[str, Brain] = {}
    for subject, fit in best_fits(fits, MOST_BRAINS).items():
        path = Layout.voxels(subject, fit["fit"])
        if not (store.exists(path) and store.exists(Layout.space(subject))):
            continue
        words = " ".join(dict.fromkeys(str(fit[n]) for n in ("annotation", "model") if fit[n]))
        layer = f" layer {fit['layer']}" if fit["layer"] else ""
        caption = f"{subject}: r of {words}{layer}, the fit of the highest mean cv_r"
        values, space = map_values(store, fit, "r"), read_space(store, subject)
        try:
            pictures = {view: brain_picture(values, space, caption, view) for view in views(space)}
        except DataError as error:  # parcels without a volume, surfaces of another mesh, no nilearn
            log.info("no picture of %s: %s", subject, error)
            continue
        turned = len(space["shape"]) or len(found) < MOST_TURNED
        found[subject] = Brain(
            pictures, caption, turnable(values, space, subject) if turned else None
        )
    return found


def views(space: Mapping[str, Array]) -> tuple[str, ...]:
    """Pictures of a space that say something: a glass brain is of MNI space only."""
    if not len(space["shape"]):
        return OF_SURFACES
    return OF_VOLUMES if _is_mni(space) else OF_VOLUMES[:1]


def _is_mni(space: Mapping[str, Array]) -> bool:
    return "affine" in space and str(space.get("template", "")).startswith("MNI")


def brain_picture(
    values: Array, space: Mapping[str, Array], title: str, view: str | None = None
) -> bytes:
    """PNG of values (V,) in the space of a subject (`maps.read_space`), 0 white, scaled alike to both sides.

    `view` slices or glass of a volume (glass: with an affine, and taken for MNI space unless it is known
    to be of another), inflated or flat of fsaverage5; the first if not given. DataError where it is not known
    where voxels lie, for surfaces of another mesh, and for a view of another space.
    """
    if len(space["shape"]):
        _one_of(view, OF_VOLUMES, "a volume")
        if view == "glass":
            return _glass(values, space, title)
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
    _one_of(view, OF_SURFACES, f"surfaces of {MESH}")
    sides = np.split(values, 2)
    return _flat(sides, title) if view == "flat" else _inflated(sides, title)


def _one_of(view: str | None, allowed: tuple[str, ...], what: str) -> None:
    if view is not None and view not in allowed:
        raise DataError(f"view {view}: this map is of {what}; allowed: {', '.join(allowed)}")


def _glass(values: Array, space: Mapping[str, Array], title: str) -> bytes:
    """Of each line of sight the value that is farthest from zero."""
    from matplotlib.figure import Figure

    if "affine" not in space:
        raise DataError("view glass: needs an affine, and a volume in MNI space")
    template = str(space.get("template", ""))
    if template and not template.startswith("MNI"):
        raise DataError(f"view glass: is of MNI space, and these voxels are of {template}")
    plotting = needs_imaging("nilearn.plotting")
    figure = Figure(figsize=(11, 3))
    plotting.plot_glass_brain(
        shown_image(values, space, title), display_mode="lyrz", colorbar=True, plot_abs=False,
        cmap="RdBu_r", symmetric_cbar=True, threshold=None, figure=figure,
    )  # fmt: skip
    figure.suptitle(title, fontsize=9)
    return png_of(figure, DPI)


def _inflated(sides: list[Array], title: str) -> bytes:
    from matplotlib.figure import Figure

    plotting = needs_imaging("nilearn.plotting")
    meshes = needs_imaging("nilearn.datasets").fetch_surf_fsaverage(MESH)
    most = _most(sides)
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
    return _with_bar(figure, most, title)


def _flat(sides: list[Array], title: str) -> bytes:
    """Cut and laid flat, as fsaverage5 comes with nilearn."""
    from matplotlib.figure import Figure
    from matplotlib.tri import Triangulation

    surface = needs_imaging("nilearn.surface")
    meshes = needs_imaging("nilearn.datasets").fetch_surf_fsaverage(MESH)
    most = _most(sides)
    figure = Figure(figsize=(11, 4.6))
    for place, (side, values) in enumerate(zip(("left", "right"), sides, strict=True)):
        mesh = surface.load_surf_mesh(meshes[f"flat_{side}"])
        x, y, _ = np.asarray(mesh.coordinates).T
        triangles = Triangulation(x, y, mesh.faces)
        axes = figure.add_subplot(1, 2, place + 1)
        axes.tripcolor(
            triangles, np.nan_to_num(values), cmap="RdBu_r", vmin=-most, vmax=most,
            shading="gouraud", rasterized=True,
        )  # fmt: skip
        axes.tricontour(
            triangles, surface.load_surf_data(meshes[f"curv_{side}"]), levels=[0.0],
            colors="#00000030", linewidths=0.4,
        )  # fmt: skip
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.set_title(side, fontsize=9)
    figure.subplots_adjust(0, 0, 0.92, 0.86, 0.02, 0)
    return _with_bar(figure, most, title)


def _most(sides: list[Array]) -> float:
    return float(np.nanmax(np.abs(np.concatenate(sides)))) or 1.0


def _with_bar(figure: Any, most: float, title: str) -> bytes:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    shades = ScalarMappable(Normalize(-most, most), "RdBu_r")
    figure.colorbar(shades, cax=figure.add_axes((0.935, 0.2, 0.01, 0.5)))
    figure.suptitle(title, fontsize=9)
    return png_of(figure, DPI)
