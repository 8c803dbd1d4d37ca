"""Arrays, tables and JSON as bytes and back: the same value always gives the same bytes.

Knows no files. Arrays are .npy (version 1.0, C order, never pickled), tables are Parquet with zstd.
"""

from __future__ import annotations

import io
import json
import tokenize
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from d2b_ray.arrays import Array

__all__ = [
    "array_from_bytes",
    "array_parts",
    "json_bytes",
    "json_from_bytes",
    "table_bytes",
    "table_from_bytes",
]

NO_REASON = "; remove it and run the sweep again"


def json_bytes(value: Any) -> bytes:
    """JSON for people: sorted keys, one blank a level, a newline at the end, UTF-8.

    Raises ValueError for NaN and infinities, which are not JSON.
    """
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def json_from_bytes(data: bytes, url: str) -> Any:
    """The value; StoreError naming `url` if the bytes are not JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{url}: not JSON ({_one_line(error)}){NO_REASON}") from error


def array_parts(array: Array) -> list[bytes | memoryview]:
    """Header and data of a .npy file; the data is not copied if the array is C-contiguous.

    Raises StoreError for arrays of objects, which only pickle could keep.
    """
    array = np.asarray(array, order="C")
    if array.dtype.hasobject:
        raise StoreError(f"an array of {array.dtype} cannot be stored; give numbers or text")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    return [header.getvalue(), array.reshape(-1).view(np.uint8).data]


def array_from_bytes(data: bytes, url: str) -> Array:
    """The array of a .npy file; StoreError naming `url` if it is torn or holds pickled objects."""
    try:
        # not `np.load`, which also opens .npz; a damaged header fails in numpy's tokenizer
        array: Array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, tokenize.TokenError) as error:
        raise StoreError(f"{url}: not a .npy array ({_one_line(error)}){NO_REASON}") from error
    return array


def table_bytes(table: pa.Table) -> bytes:
    """Parquet bytes of a table, zstd; metadata of columns is kept, that of pandas is not."""
    import pyarrow.parquet as pq

    metadata = {k: v for k, v in (table.schema.metadata or {}).items() if k != b"pandas"}
    sink = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata(metadata or None),
        sink,
        compression="zstd",
        compression_level=3,
        version="2.6",
        row_group_size=1 << 20,
    )
    return sink.getvalue()


def table_from_bytes(data: bytes, url: str) -> pa.Table:
    """The table of a Parquet file; StoreError naming `url` if it is torn."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{url}: not a Parquet table ({_one_line(error)}){NO_REASON}") from error


def _one_line(error: Exception) -> str:
    """The error in one line: some of numpy and pyarrow have several."""
    return " ".join(str(error).split())
