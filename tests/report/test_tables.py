"""The tables: their schema travels with the files, and other programs read them as they lie."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from report_cases import PLACE, summary

from d2b_ray.arrays import Voxels
from d2b_ray.report.columns import FITS, TIMINGS, VOXELS
from d2b_ray.report.tables import fits_table, timings_table, voxel_table
from d2b_ray.store import Layout, Store

SHAPE = (5, 6, 7)
COUNT = 40
P_COLUMNS = ("p", "p_fdr", "p_fwe", "significant")
BOUNDS = ("r_low", "r_high", "ceiling", "r_normalised", *"xyz")  # only when asked for, or known


def voxels(rng, shape=SHAPE) -> Voxels:
    index = np.sort(rng.choice(int(np.prod(SHAPE)), COUNT, replace=False)).astype(np.int64)
    roi = np.array(["ctx-a", "", "ctx-é"])[np.arange(COUNT) % 3]
    return Voxels(index, shape, roi)


def values(rng, *, tested: bool = True) -> dict:
    found = {
        "r": rng.standard_normal(COUNT).astype("f4"),
        "cv_r": rng.standard_normal(COUNT).astype("f4"),
        "alpha": 10.0 ** rng.integers(-3, 9, COUNT),
    }
    numbers = {name: rng.random(COUNT) for name in P_COLUMNS[:3]}
    numbers["significant"] = numbers["p"] < 0.3
    return found | (numbers if tested else dict.fromkeys(P_COLUMNS))


def made(
    rng, key: str = "ab12", shape=SHAPE, *, tested: bool = True, subject: str = "DM01"
) -> tuple[pa.Table, dict]:
    given = values(rng, tested=tested)
    place = {"fit": key, "subject": subject, **PLACE}
    return voxel_table(place, voxels(rng, shape), given), given


def test_a_row_a_voxel_holds_what_was_given(rng):
    table, given = made(rng)
    assert table.num_rows == COUNT
    assert table["voxel"].to_pylist() == list(range(COUNT))
    for name, array in given.items():
        np.testing.assert_array_equal(table[name].to_numpy(), array)
    for name, value in PLACE.items():
        assert set(table[name].to_pylist()) == {value}
    assert set(table["fit"].to_pylist()) == {"ab12"}
    assert table["roi"].to_pylist()[:3] == ["ctx-a", "", "ctx-é"]


def test_positions_are_those_of_unravel_index_with_i_the_fastest(rng):
    table, _ = made(rng)
    index = table["index"].to_numpy()
    k, j, i = np.unravel_index(index, SHAPE)
    for name, axis in {"i": i, "j": j, "k": k}.items():
        np.testing.assert_array_equal(table[name].to_numpy(), axis)
    i, j, k = (table[name].to_numpy().astype(int) for name in "ijk")
    np.testing.assert_array_equal(i + SHAPE[2] * (j + SHAPE[1] * k), index)


def test_without_a_volume_positions_are_null_and_the_index_is_not(rng):
    table, _ = made(rng, shape=())
    assert {table[name].null_count for name in "ijk"} == {COUNT}
    assert table["index"].null_count == 0


def test_without_a_test_p_values_are_null_and_nothing_else_is(rng):
    table, _ = made(rng, tested=False)
    for name in table.column_names:
        nulls = COUNT if name in (*P_COLUMNS, *BOUNDS, "label", "bands") else 0
        assert table[name].null_count == nulls, name


@pytest.mark.parametrize("tested", [True, False])
@pytest.mark.parametrize("shape", [SHAPE, ()])
def test_the_schema_is_the_same_whatever_is_null(rng, shape, tested):
    table, _ = made(rng, shape=shape, tested=tested)
    assert table.schema.equals(VOXELS, check_metadata=True)


def test_the_subject_is_a_folder_and_a_column():
    assert Layout.voxels("DM01", "ab").startswith("tables/voxels/DM01/")


def test_every_column_of_a_stored_table_says_what_it_means(rng, tmp_path):
    store = Store(str(tmp_path))
    tables = {
        "tables/v.parquet": made(rng)[0],
        Layout.FITS: fits_table([summary()]),
        Layout.TIMINGS: timings_table([]),
    }
    for (path, table), schema in zip(tables.items(), (VOXELS, FITS, TIMINGS), strict=True):
        store.write_table(path, table)
        for found in (store.read_table(path).schema, pq.read_schema(tmp_path / path)):
            assert found.names == schema.names
            for field in found:
                meaning = field.metadata[b"description"].decode()
                assert meaning == schema.field(field.name).metadata[b"description"].decode()
                assert len(meaning) >= 4
                assert meaning != field.name or field.name in ("subject", "voxels")
        assert store.read_table(path).equals(table)


def test_columns_that_are_seconds_or_bytes_say_their_unit():
    for schema in (VOXELS, FITS, TIMINGS):
        for field in schema:
            timed = field.name.endswith(("_s", "seconds"))
            timed |= field.name in ("started", "bytes", *"xyz")
            assert (b"unit" in field.metadata) == timed, field.name


@pytest.fixture
def folder(rng, tmp_path):
    """A store with three fits of two subjects, of which one has neither volume nor test.

    The subjects' names look like numbers, and must come back as they are.
    """
    store = Store(str(tmp_path))
    for subject, key, more in (
        ("01", "aa", {}), ("01", "bb", {}), ("02", "cc", {"shape": (), "tested": False}),
    ):  # fmt: skip
        table, _ = made(rng, key, subject=subject, **more)
        store.write_table(Layout.voxels(subject, key), table)
    return tmp_path / Layout.VOXELS


def expected(folder) -> dict[tuple[str, str], float]:
    """(subject, fit) -> sum of r, file by file."""
    found = {}
    for path in folder.rglob("*.parquet"):
        table = pq.ParquetFile(path).read()
        key = (path.parent.name, path.stem)
        found[key] = float(table["r"].to_numpy().astype(float).sum())
    assert len(found) == 3
    return found


def test_pyarrow_reads_the_folder_with_the_subject_as_a_column(folder):
    table = ds.dataset(str(folder), partitioning="hive").to_table()
    assert table.num_rows == 3 * COUNT
    frame = pd.DataFrame(table.select(["subject", "fit", "r"]).to_pydict())
    sums = frame.groupby(["subject", "fit"])["r"].sum()
    assert sums.to_dict() == pytest.approx(expected(folder))
    only = ds.dataset(str(folder), partitioning="hive").to_table(filter=ds.field("subject") == "02")
    assert set(only["fit"].to_pylist()) == {"cc"}


def test_pandas_reads_the_folder_with_the_subject_as_a_column(folder):
    frame = pd.read_parquet(folder)
    assert len(frame) == 3 * COUNT
    sums = frame.astype({"subject": str, "fit": str, "r": float}).groupby(["subject", "fit"])["r"]
    assert sums.sum().to_dict() == pytest.approx(expected(folder), rel=1e-6)
    assert frame.loc[frame["subject"] == "02", ["i", "p"]].isna().all(axis=None)


def test_duckdb_reads_the_folder_with_the_subject_as_a_column(folder):
    with duckdb.connect() as base:
        rows = base.execute(
            f"select subject, fit, sum(r::double), count(p), count(*) "
            f"from read_parquet('{folder}/**/*.parquet', hive_partitioning = true) "
            "group by subject, fit"
        ).fetchall()
    assert {row[:2]: row[2] for row in rows} == pytest.approx(expected(folder))
    assert {row[1]: row[3:] for row in rows} == {
        "aa": (COUNT, COUNT),
        "bb": (COUNT, COUNT),
        "cc": (0, COUNT),
    }


def test_a_row_a_fit_holds_its_place_and_its_numbers():
    plain, tested = summary(key="aa"), summary(key="bb", subject="DM03", tested=True, layer=7)
    rows = fits_table([plain, tested]).to_pylist()
    assert [row["fit"] for row in rows] == ["aa", "bb"]
    for row, one in zip(rows, (plain, tested), strict=True):
        known = {**one["place"], **one["numbers"], "subject": one["subject"]}
        assert {name: row[name] for name in known} == known
        assert row["folder"] == one["folder"]
    assert rows[0]["significant"] is None
    assert rows[1]["significant"] == tested["numbers"]["significant"]


def test_tables_of_nothing_have_their_schema():
    assert fits_table([]).schema.equals(FITS, check_metadata=True)
    assert timings_table([]).schema.equals(TIMINGS, check_metadata=True)
    assert fits_table([]).num_rows == timings_table([]).num_rows == 0


def test_a_row_a_unit_takes_what_only_commits_know_from_their_extra():
    common = {"kind": "fit", "label": "x", "host": "h", "device": "cpu", "started": 1.5,
              "seconds": 2.0, "bytes": 10, "attempt": 1}  # fmt: skip
    records = [
        {"key": "a", **common, "extra": {"fit_seconds": 3.5, "fit_host": "g"}},
        {"key": "b", **common, "extra": {}},
        {"key": "c", **common},
    ]
    rows = timings_table(records).to_pylist()
    assert [row["fit_seconds"] for row in rows] == [3.5, None, None]
    assert all({name: row[name] for name in common} == common for row in rows)
