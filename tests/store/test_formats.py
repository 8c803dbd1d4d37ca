"""Formats: what is torn or damaged is told in one line, what is whole comes back as it was."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pyarrow as pa
import pytest

from d2b_ray.errors import StoreError
from d2b_ray.store import Store
from d2b_ray.store.formats import (
    array_from_bytes,
    array_parts,
    json_bytes,
    json_from_bytes,
    table_bytes,
    table_from_bytes,
)

TABLE = pa.table({"r": [0.5, None, 1.0], "roi": ["V1", "", None]})


def npy(array) -> bytes:
    return b"".join(bytes(part) for part in array_parts(array))


def refused(read, data) -> bool:
    """Whether the bytes are refused; any error but a StoreError of one line fails the test."""
    told = None
    try:
        with warnings.catch_warnings():
            # numpy warns of a header of Python 2 before it refuses most of the damaged ones
            warnings.filterwarnings("ignore", "Reading `.npy` or `.npz`", UserWarning)
            read(data, "s3://lab/x")
    except StoreError as error:
        told = str(error)
    if told is not None:
        assert told.startswith("s3://lab/x: not ")
        assert "\n" not in told
    return told is not None


@pytest.mark.parametrize(
    ("read", "whole"),
    [
        (array_from_bytes, npy(np.arange(6.0).reshape(2, 3))),
        (table_from_bytes, table_bytes(TABLE)),
        (json_from_bytes, json_bytes({"a": [1, "é"]}).rstrip()),
    ],
)
def test_a_file_cut_anywhere_is_refused(read, whole):
    assert not refused(read, whole)
    assert [end for end in range(len(whole)) if not refused(read, whole[:end])] == []


@pytest.mark.parametrize("sign", [0, 10, 39, 40, 123, 255])
def test_a_damaged_byte_gives_no_other_error(sign):
    for read, whole in (
        (array_from_bytes, npy(np.arange(6.0))),
        (table_from_bytes, table_bytes(TABLE)),
    ):
        for at in range(len(whole)):
            refused(read, whole[:at] + bytes([sign]) + whole[at + 1 :])


def test_a_header_of_absurd_length_is_told_in_one_line():
    whole = npy(np.zeros(10_000))
    assert refused(array_from_bytes, whole[:9] + b"\x7f" + whole[10:])


def test_other_formats_are_no_array():
    archive = io.BytesIO()
    np.savez(archive, a=np.arange(3))
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    for data in (archive.getvalue(), archive.getvalue()[:40], pickled.getvalue(), b""):
        assert refused(array_from_bytes, data)


def test_json_of_absurd_depth_is_refused():
    assert refused(json_from_bytes, b"[" * 200_000)


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.0),
        np.zeros((0, 4), np.float32),
        np.arange(24).reshape(2, 3, 4).T,
        np.arange(10, dtype=">i4")[::-3],
        np.array(["é", "xx"]),
        np.array([True, False]),
        np.array([np.nan, np.inf, -0.0]),
        np.zeros(2, [("a", "i4"), ("b", "f8")]),
    ],
    ids=lambda array: f"{array.dtype}-{array.ndim}",
)
def test_arrays_come_back_with_type_and_shape(array):
    back = array_from_bytes(npy(array), "x")
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    written = io.BytesIO()
    np.save(written, np.asarray(array, order="C"))
    assert npy(array) == written.getvalue()  # what numpy itself would write


def test_metadata_of_columns_survives_and_that_of_pandas_does_not(tmp_path):
    unit = pa.field("r", pa.float64(), metadata={"unit": "correlation"})
    schema = pa.schema([unit], metadata={"made by": "test", "pandas": "{}"})
    store = Store(str(tmp_path))
    store.write_table("t", pa.table({"r": [0.5]}, schema=schema))
    back = store.read_table("t").schema
    assert back.field("r").metadata[b"unit"] == b"correlation"
    assert back.metadata[b"made by"] == b"test"
    assert b"pandas" not in back.metadata


def test_the_same_table_gives_the_same_bytes():
    chunked = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)])
    assert table_bytes(TABLE) == table_bytes(chunked)


def test_json_is_canonical():
    assert json_bytes({"b": 1, "a": "é"}) == '{\n "a": "é",\n "b": 1\n}\n'.encode()
    with pytest.raises(ValueError):
        json_bytes({"a": float("nan")})
