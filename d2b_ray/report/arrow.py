"""Columns of tables made of values, without pandas.

`pa.array` and `pa.scalar` import pandas, to know its arrays from others: half a second of every worker that
stores a fit. Here values are Python's or numpy's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Array

__all__ = ["column", "repeated"]


def column(
    values: Array | Sequence[Any], kind: pa.DataType, *, nan_is_missing: bool = False
) -> pa.Array:
    """`pa.array(values, kind, from_pandas=nan_is_missing)`: None is missing, and perhaps NaN.

    `kind` is of numbers, booleans or words, perhaps a dictionary of them. Raises ValueError for numbers that
    it does not hold.
    """
    if pa.types.is_dictionary(kind):
        plain = column(values, kind.value_type, nan_is_missing=nan_is_missing)
        return plain.dictionary_encode().cast(kind)
    if isinstance(values, np.ndarray) and values.dtype != object:
        missing = np.zeros(len(values), np.bool_)
    else:
        missing = np.array([value is None for value in values], np.bool_)
        empty = "" if pa.types.is_string(kind) else 0
        values = [empty if value is None else value for value in values]
    if pa.types.is_string(kind):
        data = _words(values)
    else:
        given = np.asarray(values)
        if nan_is_missing and given.dtype.kind == "f":
            missing |= np.isnan(given)
            given = np.where(missing, given.dtype.type(0), given)
        data = [_numbers(given, kind)]
    valid = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(kind, len(missing), [valid, *map(pa.py_buffer, data)])


def repeated(value: Any, kind: pa.DataType, count: int) -> pa.Array:
    """`value`, or None, so many times."""
    if value is None:
        return pa.nulls(count, kind)
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.repeat(column([value], plain)[0], count).cast(kind)


def _words(values: Any) -> list[Any]:
    """Where each begins and the last ends, and all of them in UTF-8."""
    words = [str(value).encode() for value in values]
    ends = np.cumsum([0, *map(len, words)])
    return [_numbers(ends, pa.int32()), b"".join(words)]


def _numbers(given: Array, kind: pa.DataType) -> Array:
    """Those numbers in the bytes of a kind."""
    if pa.types.is_boolean(kind):
        return np.packbits(given.astype(np.bool_), bitorder="little")
    made = np.ascontiguousarray(given, kind.to_pandas_dtype())
    if made.dtype.kind in "iu" and not np.array_equal(made, given):
        raise ValueError(f"{kind} does not hold all of {given.min()} to {given.max()}")
    return made
