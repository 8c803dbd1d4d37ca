"""Fingerprints: of content, not of names, dates or order."""

from __future__ import annotations

import random

import fsspec
import pytest

from d2b_ray.errors import StoreError
from d2b_ray.store import digest, fingerprint_file, fingerprint_folder
from d2b_ray.store.fingerprints import FILES, PIECE_BYTES, WHOLE_BYTES, piece_starts


def test_the_order_of_keys_is_nothing():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": 2})


def test_digest_is_pinned():
    assert digest({"a": 1}) == "015abd7f5cc5"


@pytest.mark.parametrize("size", [10, WHOLE_BYTES + 1000])
def test_content_counts(tmp_path, size):
    path, other = tmp_path / "x", tmp_path / "y"
    content = bytearray(size)
    path.write_bytes(content)
    other.write_bytes(content)
    assert fingerprint_file(str(path)) == fingerprint_file(str(other))
    assert fingerprint_file(f"file://{path}") == fingerprint_file(str(path))
    content[-1] = 1
    other.write_bytes(content)
    assert fingerprint_file(str(path)) != fingerprint_file(str(other))
    path.write_bytes(bytes(size + 1))
    assert fingerprint_file(str(path)) != fingerprint_file(str(other))


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(StoreError, match="no such file"):
        fingerprint_file(str(tmp_path / "gone"))


def test_a_remote_file_has_the_fingerprint_of_the_local_one(tmp_path):
    memory = fsspec.filesystem("memory")
    for size in (0, 10, WHOLE_BYTES, WHOLE_BYTES + 1000):
        content = random.Random(size).randbytes(size)
        (tmp_path / "x").write_bytes(content)
        memory.pipe_file("/fingerprints/x", content)
        try:
            remote = fingerprint_file("memory://fingerprints/x")
        finally:
            memory.rm_file("/fingerprints/x")
        assert remote == fingerprint_file(str(tmp_path / "x"))
        assert remote.startswith("sha256:" if size <= WHOLE_BYTES else "pieces:")


def test_pieces_reach_from_the_first_byte_to_the_last():
    for size in (WHOLE_BYTES + 1, WHOLE_BYTES + 63, 10 * WHOLE_BYTES):
        starts = piece_starts(size)
        assert starts[0] == 0
        assert starts[-1] + PIECE_BYTES == size
        assert list(starts) == sorted(set(starts))


def test_nested_keys_may_come_in_any_order_and_nan_is_refused():
    assert digest({"a": {"x": 1, "y": 2}}) == digest({"a": {"y": 2, "x": 1}})
    with pytest.raises(ValueError):
        digest({"a": float("nan")})


@pytest.mark.parametrize("count", [1, FILES, 100])
def test_a_folder_is_its_names_and_some_of_its_files(tmp_path, count):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        for number in range(count):
            (folder / f"frame_{number:03d}.png").write_bytes(bytes([number]))
    before = fingerprint_folder(str(one))
    assert before == fingerprint_folder(str(other))
    for number in (0, count - 1):  # the first and the last always count
        path = other / f"frame_{number:03d}.png"
        content = path.read_bytes()
        path.write_bytes(b"changed")
        assert fingerprint_folder(str(other)) != before
        path.write_bytes(content)
    (other / "frame_000.png").rename(other / "frame_999.png")
    assert fingerprint_folder(str(other)) != before


def test_all_files_of_a_small_folder_count(tmp_path):
    for number in range(FILES):
        (tmp_path / f"{number:02d}").write_bytes(b"same")
    found = {fingerprint_folder(str(tmp_path))}
    for number in range(FILES):
        (tmp_path / f"{number:02d}").write_bytes(b"other")
        found.add(fingerprint_folder(str(tmp_path)))
    assert len(found) == FILES + 1


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StoreError):
        fingerprint_folder(str(tmp_path / "none"))
