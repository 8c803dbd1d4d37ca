"""Columns made without pandas are those that pyarrow makes with it, byte for byte in a file."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from d2b_ray.report.arrow import column, repeated
from d2b_ray.report.columns import WORD
from d2b_ray.store.formats import table_bytes

KINDS = {
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(),
    WORD: st.text(),
}


def same(found, expected):
    found.validate(full=True)
    tables = [pa.table({"column": one}) for one in (found, expected)]
    assert tables[0].schema == tables[1].schema
    assert table_bytes(tables[0]) == table_bytes(tables[1])


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(data=st.data())
def test_of_lists(kind, data):
    values = data.draw(st.lists(st.none() | KINDS[kind], max_size=20))
    same(column(values, kind), pa.array(values, kind))


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.int32(), pa.bool_()], ids=str)
def test_of_arrays_in_any_order_of_memory(kind, missing, rng):
    values = (100 * rng.standard_normal((40, 3))).astype(kind.to_pandas_dtype())
    if values.dtype.kind == "f":
        values[::7] = np.nan
    for own in (values[:, 1], values[::-2, 0], values[:0, 0]):
        made = column(own, kind, nan_is_missing=missing)
        same(made, pa.array(own, kind, from_pandas=missing))


@pytest.mark.parametrize(
    ("values", "kind"),
    [([True, None, False], pa.bool_()), (["a", None], WORD), ([1.5, None], pa.float64())],
)
def test_of_arrays_of_objects(values, kind):
    """What marks voxels that have no answer: neither true nor false."""
    own = np.array(values, object)
    same(column(own, kind, nan_is_missing=True), pa.array(own, kind, from_pandas=True))


def test_numbers_of_another_kind_are_cast():
    same(column(np.arange(5), pa.int16()), pa.array(np.arange(5), pa.int16()))
    wide = np.array([1.1, np.nan])
    same(
        column(wide, pa.float32(), nan_is_missing=True),
        pa.array(wide, from_pandas=True).cast(pa.float32()),
    )
    same(column([1, None], pa.float64()), pa.array([1, None], pa.float64()))


@pytest.mark.parametrize("values", [np.array([1, 70_000]), np.array([0.5])])
def test_numbers_that_a_kind_does_not_hold_are_refused(values):
    with pytest.raises(ValueError, match="int16 does not hold all of"):
        column(values, pa.int16())


@pytest.mark.parametrize("count", [0, 1, 9])
@pytest.mark.parametrize(
    ("value", "kind"),
    [("word", WORD), ("word", pa.string()), (3, pa.int16()), (None, WORD), (0.1, pa.float32())],
)
def test_repeated(value, kind, count):
    same(repeated(value, kind, count), pa.array([value] * count, kind))
