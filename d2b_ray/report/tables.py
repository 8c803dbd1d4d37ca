"""The tables: a row a voxel and fit, a row a fit, a row a unit with its time and place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from d2b_ray.report.arrow import column, repeated
from d2b_ray.report.columns import BANDS, FITS, TIMINGS, VOXELS, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Array, Voxels

__all__ = ["band_table", "fits_table", "timings_table", "voxel_table"]


def voxel_table(
    place: Mapping[str, Any], voxels: Voxels, values: Mapping[str, Array | None]
) -> pa.Table:
    """Rows of one fit. `place` holds what is the same for all voxels; `values` name -> (V,) or None."""
    count = len(voxels.index)
    columns: dict[str, Any] = {
        field.name: repeated(place.get(field.name), field.type, count) for field in VOXELS
    }
    columns["voxel"] = np.arange(count, dtype=np.int32)
    columns["index"] = voxels.index
    if voxels.shape:
        axes = np.unravel_index(voxels.index, voxels.shape)
        columns |= {name: one.astype(np.int16) for name, one in zip("kji", axes, strict=True)}
        if voxels.affine is not None:
            space = voxels.affine[:3, :3] @ np.stack(axes[::-1]) + voxels.affine[:3, 3:]
            columns |= {
                name: one.astype(np.float32) for name, one in zip("xyz", space, strict=True)
            }
    columns["roi"] = voxels.roi.tolist()
    columns |= {name: array for name, array in values.items() if array is not None}
    return _typed(columns, VOXELS)


def band_table(
    place: Mapping[str, Any],
    names: Sequence[str],
    voxels: Voxels,
    parts: Sequence[Mapping[str, Array | None]],
) -> pa.Table:
    """Rows of one banded fit, a band after the other; `parts` a band: name -> (V,) or None.

    `place` holds the fit's key and its subject.
    """
    count = len(voxels.index)
    tables = []
    for name, values in zip(names, parts, strict=True):
        columns: dict[str, Any] = dict.fromkeys(BANDS.names, pa.nulls(count))
        columns |= {
            word: repeated(place[word], BANDS.field(word).type, count)
            for word in ("fit", "subject")
        }
        columns |= {"band": repeated(name, BANDS.field("band").type, count)}
        columns |= {"voxel": np.arange(count, dtype=np.int32), "roi": voxels.roi.tolist()}
        columns |= {key: array for key, array in values.items() if array is not None}
        tables.append(_typed(columns, BANDS))
    return pa.concat_tables(tables).combine_chunks()


def fits_table(summaries: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A row a fit, from the fit.json files."""
    return table_of(FITS, [{**s, **s["place"], **s["numbers"]} for s in summaries])


def timings_table(records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A row a finished unit, from its record."""
    return table_of(TIMINGS, [{**record, **record.get("extra", {})} for record in records])


def _typed(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    arrays = [_column(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(values: Any, kind: pa.DataType) -> pa.Array:
    """What is not a number is empty, as other programs expect it."""
    if isinstance(values, pa.Array):
        return values.cast(kind)
    return column(values, kind, nan_is_missing=True)
