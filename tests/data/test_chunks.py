"""Chunks unpacked by threads: what the library reads, whatever their shape and packing."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from d2b_ray.data import chunks
from d2b_ray.data.chunks import DamagedChunkError, rows_by_chunks

COLUMNS = np.array([0, 3, 4, 17, 63, 64, 90, 99])


@pytest.fixture(autouse=True)
def _threads(monkeypatch):
    """Several, on a machine of one core, too."""
    monkeypatch.setattr(chunks, "cores", lambda: 3)


def written(path, kind="f4", shape=(70, 100), **options):
    rng = np.random.default_rng(0)
    values = (100 * rng.standard_normal(shape)).astype(kind)
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("dataDT", data=values, **options)
    return values.reshape(-1, shape[-1])[:, COLUMNS].astype(np.float32)


PACKED = {
    "deflate": {"chunks": (32, 100), "compression": "gzip", "compression_opts": 1},
    "shuffled": {"chunks": (32, 100), "compression": "gzip", "shuffle": True},
    "plain": {"chunks": (32, 100)},
    "columns": {"chunks": (70, 64), "compression": "gzip"},
    "tiles": {"chunks": (9, 31), "compression": "gzip", "shuffle": True},
}


@pytest.mark.parametrize("kind", ["f4", "f8", ">f4", "i2", "u1"])
@pytest.mark.parametrize("packing", PACKED)
def test_rows_of_the_library(tmp_path, packing, kind):
    expected = written(tmp_path / "a.mat", kind, **PACKED[packing])
    with h5py.File(tmp_path / "a.mat") as file:
        for rows in (70, 33, 1):
            np.testing.assert_array_equal(
                rows_by_chunks(file["dataDT"], COLUMNS, rows), expected[:rows]
            )


def test_axes_of_length_one_and_chunks_that_are_not_there(tmp_path):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        series = file.create_dataset(
            "dataDT", (1, 1, 70, 100), "f4", chunks=(1, 1, 32, 100), compression="gzip", fillvalue=7
        )
        series[0, 0, :20] = np.arange(2000, dtype=np.float32).reshape(20, 100)
    with h5py.File(path) as file:
        found = rows_by_chunks(file["dataDT"], COLUMNS, 70)
        np.testing.assert_array_equal(found, file["dataDT"][0, 0][:, COLUMNS])
    assert (found[32:] == 7).all()


@pytest.mark.parametrize(
    "options",
    [
        {}, {"chunks": (32, 100), "compression": "lzf"},
        {"chunks": (32, 100), "compression": "gzip", "fletcher32": True},
    ],
)  # fmt: skip
def test_what_is_left_to_the_library(tmp_path, options):
    written(tmp_path / "a.mat", **options)
    with h5py.File(tmp_path / "a.mat") as file:
        assert rows_by_chunks(file["dataDT"], COLUMNS, 70) is None


def test_chunks_too_large_to_unpack_side_by_side_are_left_to_it(tmp_path, monkeypatch):
    written(tmp_path / "a.mat", **PACKED["deflate"])
    monkeypatch.setattr(chunks, "memory_bytes", lambda: chunks.HELD_SHARE * 3 * 32 * 100 * 4)
    with h5py.File(tmp_path / "a.mat") as file:
        assert rows_by_chunks(file["dataDT"], COLUMNS, 70) is None


def test_very_many_chunks_are_left_to_it(tmp_path, monkeypatch):
    written(tmp_path / "a.mat", **PACKED["tiles"])
    monkeypatch.setattr(chunks, "MOST_CHUNKS", 31)
    with h5py.File(tmp_path / "a.mat") as file:
        assert rows_by_chunks(file["dataDT"], COLUMNS, 70) is None


def test_a_damaged_chunk_is_told(tmp_path):
    path = tmp_path / "a.mat"
    written(path, **PACKED["deflate"])
    with h5py.File(path) as file:
        info = file["dataDT"].id.get_chunk_info(1)
        at = info.byte_offset + (0 if path.read_bytes()[info.byte_offset :][:1] == b"\x78" else 512)
    content = bytearray(path.read_bytes())
    content[at + 10 : at + 60] = b"\xff" * 50
    path.write_bytes(bytes(content))
    with h5py.File(path) as file, pytest.raises(DamagedChunkError, match="rows 32 to 64"):
        rows_by_chunks(file["dataDT"], COLUMNS, 70)
