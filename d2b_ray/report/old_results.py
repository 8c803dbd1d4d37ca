"""Results that drama2brain left on disk, as tables and a report of ours. Reads arrays alone, never a pickle.

A fit is a file `cc_<suffix>.npy` with a `cv_cc_<suffix>.npy` beside it, in a folder
`encoding/<subject>/scores/TR<start>_<end>s/<modality>/<hparams>/<model>/layer<N>`; `pvalues_corrected_*`,
`coef_*`, `preds_val_*` and `preds_trn_*` come along. What the tree does not tell (samples, folds,
penalties, permutations) stays empty.
"""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from d2b_ray.arrays import Voxels
from d2b_ray.errors import DataError
from d2b_ray.report.gather import gather
from d2b_ray.report.maps import space_bytes
from d2b_ray.report.tables import voxel_table
from d2b_ray.store import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from d2b_ray.arrays import Array
    from d2b_ray.store import Store

__all__ = ["Imported", "import_results"]

SCORES = re.compile(
    r"(?:.*/)?(?P<folder>(?P<subject>[^/]+)/scores/TR(?P<start>[\d.]+)_(?P<end>[\d.]+)s(?P<concat>_concat)?/"
    r"(?P<modality>[^/]+)/(?P<hparams>[^/]+)/(?P<model>[^/]+)/layer(?P<layer>[^/]+))/cc_(?P<suffix>[^/]+)\.npy"
)
SUFFIX = re.compile(r"(raw|\d+PCs|[\d.]+eps)(?:_(split[AB]))?(?:_(.+))?")
COPIED = ("cc", "cv_cc", "pvalues_corrected", "coef", "preds_val", "preds_trn")
LEVEL = 0.05  # drama2brain's
METHODS = (
    "Correlations, cross-validated correlations and corrected p-values were computed by drama2brain "
    "(Nakagi et al., 2024) and taken over as they are: what they rest on is not known here."
)


class Imported(NamedTuple):
    """Folders and suffixes that became fits; those that were left out, with why."""

    fits: tuple[str, ...]
    left_out: dict[str, str]


def import_results(
    source: Store, target: Store, voxels_of: Callable[[str], Voxels] | None = None
) -> Imported:
    """Write the fits below `source` into `target`: arrays, tables, report. The same tree, the same bytes.

    Parameters
    ----------
    source : a tree of drama2brain, from anywhere above its folders of subjects
    target : an empty store, or one that this wrote before
    voxels_of : a subject's voxels and regions; without it voxels have numbers only

    Raises
    ------
    DataError
        if `target` holds a sweep, or `source` no fit, or voxels are not as many as values
    """
    if target.exists(Layout.SWEEP):
        raise DataError(
            f"{target.url} holds the results of a sweep; import into a folder of its own"
        )
    if source.url == target.url:
        raise DataError(
            f"{source.url}: old and new results are one folder; name another for the new"
        )
    paths = source.list()
    found = {path: match for path in paths if (match := SCORES.fullmatch(path))}
    left_out: dict[str, str] = {}
    fits: list[str] = []
    spaces: dict[str, Voxels] = {}
    for path, match in found.items():
        name = f"{path.rpartition('/')[0]} {match['suffix']}"
        try:
            arrays = _read(source, path, match["suffix"], set(paths))
        except DataError as error:
            left_out[name] = str(error)
            continue
        subject = match["subject"]
        if voxels_of and subject not in spaces:
            spaces[subject] = voxels_of(subject)
            target.write_bytes(Layout.space(subject), space_bytes(spaces[subject]))
        _write(target, match.groupdict(), arrays, spaces.get(subject))
        fits.append(name)
    if not fits:
        why = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:3])
        raise DataError(
            f"{source.url}: no results of drama2brain; expected <subject>/scores/TR<a>_<b>s/<modality>/"
            "<hparams>/<model>/layer<N>/cc_*.npy with cv_cc_*.npy beside"
            + (f" ({why})" if why else "")
        )
    gather(target, methods_told=[METHODS])
    return Imported(tuple(fits), left_out)


def _read(source: Store, path: str, suffix: str, paths: set[str]) -> dict[str, bytes]:
    """Contents of the files of a fit, by the first part of their names."""
    if not SUFFIX.fullmatch(suffix):
        raise DataError(f"{suffix!r} is no reduction; expected raw, 1280PCs or 0.1eps")
    folder = path.rpartition("/")[0]
    names = {name: f"{folder}/{name}_{suffix}.npy" for name in COPIED}
    if names["cv_cc"] not in paths:
        raise DataError("has no cv_cc beside it")
    held = {name: source.read_bytes(one) for name, one in names.items() if one in paths}
    shape = _array(held["cc"], "cc").shape
    for name in ("cv_cc", "pvalues_corrected"):
        if name in held and _array(held[name], name).shape != shape:
            raise DataError(f"{name} is not of the shape of cc, {shape}")
    return held


def _array(content: bytes, name: str) -> Array:
    """One number a voxel; DataError for what is no such array."""
    try:
        found: Array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        pickled = "pickle" in str(error).lower()
        why = "is a pickle, which is not opened" if pickled else "is no array"
        raise DataError(f"{name} {why}") from None
    found = np.squeeze(found)
    if found.ndim != 1 or found.dtype.kind != "f":
        raise DataError(f"{name} is no row of numbers: {found.dtype} {found.shape}")
    if not np.isfinite(found).any():
        raise DataError(f"{name} holds no number")
    return found


def _write(
    target: Store, words: Mapping[str, str], held: Mapping[str, bytes], voxels: Voxels | None
) -> None:
    """Arrays, rows and summary of one fit."""
    values = {name: _array(held[name], name).astype(np.float32) for name in ("cc", "cv_cc")}
    r, cv_r = values["cc"], values["cv_cc"]
    where = voxels or Voxels(np.arange(len(r)), (), np.full(len(r), ""))
    if len(where.index) != len(r):
        raise DataError(
            f"{words['subject']}: results of {len(r)} voxels, but the data set has {len(where.index)}; is it "
            "the one that they are of?"
        )
    p = (
        _array(held["pvalues_corrected"], "p").astype(float)
        if "pvalues_corrected" in held
        else None
    )
    significant = None if p is None else p <= LEVEL
    place = _place(words)
    folder = Layout.old_fit(words["folder"])
    key = hashlib.sha256(f"{folder} {words['suffix']}".encode())
    for name in ("cc", "cv_cc", "pvalues_corrected"):
        key.update(held.get(name, b""))
    fit = key.hexdigest()[:32]
    for name, content in held.items():
        target.write_bytes(f"{folder}/{name}_{words['suffix']}.npy", content)
    columns = {"r": r, "cv_r": cv_r, "p_fdr": p, "significant": significant}
    told = {"fit": fit, "subject": words["subject"], **place}
    target.write_table(Layout.voxels(words["subject"], fit), voxel_table(told, where, columns))
    summary = {
        "fit": fit,
        "subject": words["subject"],
        "folder": folder,
        "place": place,
        "params": {"figures": False, "imported": "drama2brain"},
        "numbers": _numbers(r, cv_r, significant) | {"solver": "drama2brain"},
        "rois": {
            roi: _numbers(r[own], cv_r[own], None if significant is None else significant[own])
            for roi in sorted(set(where.roi.tolist()) - {""})
            for own in [(where.roi == roi) & np.isfinite(r) & np.isfinite(cv_r)]
            if own.any()
        },
    }
    ending = "" if words["suffix"] == "raw" else f"_{words['suffix']}"
    target.write_json(f"{folder}/fit{ending}.json", summary)


def _numbers(r: Array, cv_r: Array, significant: Array | None) -> dict[str, Any]:
    known = np.isfinite(r) & np.isfinite(cv_r)
    left_out = int((~known).sum())
    r, cv_r = r[known], cv_r[known]
    significant = None if significant is None else significant[known]
    return {
        "voxels": len(r),
        "left_out": left_out,
        "mean_r": float(np.mean(r, dtype=float)),
        "median_r": float(np.median(r)),
        "max_r": float(r.max()),
        "mean_cv_r": float(np.mean(cv_r, dtype=float)),
        "significant": None if significant is None else int(significant.sum()),
    }


def _place(words: Mapping[str, str]) -> dict[str, Any]:
    """The place in the words of the tables. The parallel lists of a banded fit were joined with `_`."""
    suffix = SUFFIX.fullmatch(words["suffix"])
    assert suffix is not None  # looked at before
    layers = words["layer"].split("_")
    bands = len(layers)
    parts = {name: _split(words[name], bands) for name in ("modality", "hparams", "model")}
    levels = [part.split("_")[0] for part in parts["hparams"]]
    return {
        "annotation": " + ".join(levels),
        "model": " + ".join(parts["model"]),
        "layer": int(layers[0]) if bands == 1 and layers[0].isdecimal() else None,
        "modality": " + ".join(parts["modality"]),
        "bands": " + ".join(levels) if bands > 1 else None,
        "delay_start_s": float(words["start"]),
        "delay_end_s": float(words["end"]),
        "reduction": suffix[1],
        "split": suffix[2] or "all",
        "label": suffix[3],
    }


def _split(joined: str, count: int) -> list[str]:
    """`count` equally long parts of a name that was joined with `_`; the name itself where that cannot be."""
    words = joined.split("_")
    if count == 1 or len(words) % count:
        return [joined]
    size = len(words) // count
    return ["_".join(words[n : n + size]) for n in range(0, len(words), size)]
