"""Maps: a column of a finished fit as an image in the space of the subject, for any viewer of brains.

Where columns lie is kept beside the results (`space/<subject>.npz`), so that no recording is opened. Volumes
become NIfTI, hemispheres GIFTI, grayordinates CIFTI, by nibabel. Outside of what was fitted is NaN.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from d2b_ray.data.treatment import needs_imaging
from d2b_ray.errors import DataError, SpecError
from d2b_ray.report.columns import VOXELS
from d2b_ray.store import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from d2b_ray.arrays import Array, Voxels
    from d2b_ray.store import Store

__all__ = [
    "export_map",
    "image_of",
    "map_columns",
    "map_values",
    "on_surface",
    "read_space",
    "shown_image",
    "space_bytes",
    "volume_of",
]


ENDINGS = {
    "surfaces": (".func.gii", ".shape.gii"),
    "grayordinates": (".dscalar.nii",),
    "a volume": (".nii.gz", ".nii"),
}


def map_columns() -> tuple[str, ...]:
    """Columns of the table of voxels that are numbers of a fit."""
    names = VOXELS.names
    return tuple(names[names.index("roi") + 1 :])


def space_bytes(voxels: Voxels) -> bytes:
    """An .npz of where columns lie; the same voxels give the same bytes."""
    out = io.BytesIO()
    found: dict[str, Array] = {
        "index": voxels.index,
        "shape": np.array(voxels.shape, np.int64),
        "roi": voxels.roi,
        "surface": np.array(voxels.surface, np.int64),
        "axes": np.array(voxels.axes),
    }
    if voxels.parcels is not None:
        found |= {"shape": np.array(voxels.parcels.shape, np.int64), "parcels": voxels.parcels}
    if voxels.affine is not None:
        found["affine"] = voxels.affine
    if voxels.template:
        found["template"] = np.array(voxels.template)
    np.savez_compressed(out, **found)  # type: ignore[arg-type]  # names are ours
    return out.getvalue()


def read_space(store: Store, subject: str) -> dict[str, Array]:
    """What `space_bytes` wrote; DataError where the results hold none."""
    path = Layout.space(subject)
    if not store.exists(path):
        raise DataError(
            f"{store.address(path)} is not there; run the sweep to its end with this version first"
        )
    (content,) = store.read_many([path])
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return {name: np.asarray(found[name]) for name in found.files}


def map_values(store: Store, fit: Mapping[str, Any], column: str) -> Array:
    """A column (V,) of the table of voxels of a fit, as float32."""
    if column not in map_columns():
        raise SpecError(f"--map {column}: allowed: {', '.join(map_columns())}")
    table: pa.Table = store.read_table(Layout.voxels(fit["subject"], fit["fit"]))
    values = table[column].cast(pa.float32() if column != "significant" else pa.int8())
    return np.asarray(values.cast(pa.float32()).to_numpy(zero_copy_only=False), np.float32)


def image_of(values: Array, space: Mapping[str, Array], name: str) -> Any:
    """Values (V,) as a nibabel image, NaN outside; of surfaces a list, the left hemisphere first.

    DataError where it is not known where the voxels lie.
    """
    if len(space["surface"]):
        return _surfaces(values, space, name)
    if str(space["axes"]):
        return _grayordinates(values, space, name)
    if len(space["shape"]):
        return _volume(values, space, name)
    raise DataError(
        "where the voxels of this subject lie is not known; layout arrays tells it by "
        "voxels/<subject>.npz (a mask, with an affine)"
    )


def shown_image(values: Array, space: Mapping[str, Array], name: str) -> Any:
    """Values (V,) of a volume as a nibabel image to be looked at: 0 outside, and where they are no number."""
    image = image_of(np.nan_to_num(values), space, name)
    return type(image)(np.nan_to_num(np.asarray(image.dataobj, np.float32)), image.affine)


def export_map(values: Array, space: Mapping[str, Array], name: str, out: Path) -> list[Path]:
    """Write values (V,) as an image; returns the files, one a hemisphere (`_hemi-L`, `_hemi-R`).

    SpecError for an ending of another space.
    """
    kind = (
        "surfaces"
        if len(space["surface"])
        else "grayordinates"
        if str(space["axes"])
        else "a volume"
    )
    endings = ENDINGS[kind]
    if not out.name.endswith(endings) or (kind == "a volume" and ".dscalar." in out.name):
        raise SpecError(f"{out}: the space is of {kind}; must end in {' or '.join(endings)}")
    if not out.absolute().parent.is_dir():
        raise SpecError(f"{out}: there is no folder {out.absolute().parent}; make it first")
    images = image_of(values, space, name)
    if not isinstance(images, list):
        needs_imaging("nibabel").save(images, out)
        return [out]
    stem, ending = out.name.split(".", 1)
    paths = [out.with_name(f"{stem}_hemi-{side}.{ending}") for side in "LR"][: len(images)]
    paths = [out] if len(images) == 1 else paths
    for image, path in zip(images, paths, strict=True):
        needs_imaging("nibabel").save(image, path)
    return paths


def on_surface(values: Array, space: Mapping[str, Array], mesh: str) -> dict[str, Array]:
    """A map in a volume of MNI space, sampled on a surface of nilearn: what `export_map` takes for values
    and space, in one (`values`, `surface` ...).

    Between the white and the pial surface of `mesh` (fsaverage5, which comes with nilearn). SpecError for
    what is no volume with an affine.
    """
    if len(space["surface"]) or str(space["axes"]) or "affine" not in space:
        raise SpecError(f"--surface {mesh}: needs a volume whose affine is known, in MNI space")
    sampled = needs_imaging("nilearn.surface").vol_to_surf
    meshes = needs_imaging("nilearn.datasets").fetch_surf_fsaverage(mesh)
    image = _volume(values, space, "map")
    sides = [
        np.asarray(
            sampled(image, meshes[f"pial_{side}"], inner_mesh=meshes[f"white_{side}"]), np.float32
        )
        for side in ("left", "right")
    ]
    lengths = np.array([len(side) for side in sides])
    none = np.array("")
    return {"values": np.concatenate(sides), "surface": lengths, "axes": none, "shape": lengths[:0]}


def volume_of(values: Array, space: Mapping[str, Array]) -> Array:
    """Values (V,) as a volume (X, Y, Z) float32, NaN outside of what was fitted."""
    flat = np.full(int(np.prod(space["shape"])), np.nan, np.float32)
    if "parcels" in space:
        for label, value in zip(space["index"], values, strict=True):
            flat[space["parcels"].ravel() == label] = value
    else:
        flat[space["index"]] = values
    return flat.reshape(tuple(space["shape"])).T  # kept as Z, Y, X


def _volume(values: Array, space: Mapping[str, Array], name: str) -> Any:
    nibabel = needs_imaging("nibabel")
    volume = volume_of(values, space)
    affine = space.get("affine")
    image = nibabel.Nifti1Image(volume, np.eye(4) if affine is None else affine)
    image.header.set_xyzt_units("mm" if affine is not None else "unknown")
    image.header["descrip"] = name[:79].encode()
    return image


def _surfaces(values: Array, space: Mapping[str, Array], name: str) -> list[Any]:
    nibabel = needs_imaging("nibabel")
    parts = np.split(values, np.cumsum(space["surface"])[:-1])
    images = []
    for structure, part in zip(("CortexLeft", "CortexRight")[: len(parts)], parts, strict=True):
        array = nibabel.gifti.GiftiDataArray(
            part.astype(np.float32), intent="NIFTI_INTENT_NONE", meta={"Name": name}
        )
        meta = nibabel.gifti.GiftiMetaData({"AnatomicalStructurePrimary": structure})
        images.append(nibabel.gifti.GiftiImage(darrays=[array], meta=meta))
    return images


def _grayordinates(values: Array, space: Mapping[str, Array], name: str) -> Any:
    cifti = needs_imaging("nibabel.cifti2")
    parser = needs_imaging("nibabel.cifti2.parse_cifti2").Cifti2Parser()
    parser.parse(f'<CIFTI Version="2"><Matrix>{space["axes"]}</Matrix></CIFTI>'.encode())
    places = cifti.BrainModelAxis.from_index_mapping(parser.header.matrix[0])
    axes = (cifti.ScalarAxis([name]), places)
    return cifti.Cifti2Image(values[None].astype(np.float32), axes)
