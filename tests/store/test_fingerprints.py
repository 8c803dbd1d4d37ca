"""Fingerprints: of content, not of names, dates or order."""

from __future__ import annotations

import os
import random

import fsspec
import pytest

from d2b_ray.errors import StoreError
from d2b_ray.store import digest, fingerprint_file, fingerprint_folder, fingerprints
from d2b_ray.store.fingerprints import LARGE_BYTES, fingerprint_files
from d2b_ray.store.hash_cache import HashCache


def test_the_order_of_keys_is_nothing():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": 2})


def test_digest_is_pinned():
    assert digest({"a": 1}) == "015abd7f5cc5"


@pytest.mark.parametrize("size", [10, LARGE_BYTES + 1000])
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
    for size in (0, 10, LARGE_BYTES, LARGE_BYTES + 1000):
        content = random.Random(size).randbytes(size)
        (tmp_path / "x").write_bytes(content)
        memory.pipe_file("/fingerprints/x", content)
        try:
            remote = fingerprint_file("memory://fingerprints/x")
        finally:
            memory.rm_file("/fingerprints/x")
        assert remote == fingerprint_file(str(tmp_path / "x"))
        assert remote.startswith("sha256:")


@pytest.fixture
def reads(tmp_path, monkeypatch):
    """How often a file was read to be hashed; the cache is one of the test's own, files have settled."""
    monkeypatch.setenv("D2B_RAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("d2b_ray.store.hash_cache.SETTLED_NS", 0)
    counted, hashed = [], fingerprints._hashed
    monkeypatch.setattr(fingerprints, "_hashed", lambda path: counted.append(path) or hashed(path))
    return counted


def large(path):
    content = bytearray(LARGE_BYTES + 1000)
    path.write_bytes(content)
    return content


def test_a_large_file_is_read_once_and_again_when_a_byte_changes_in_place(tmp_path, reads):
    path = tmp_path / "x"
    content = large(path)
    first = fingerprint_file(str(path))
    assert fingerprint_file(str(path)) == first
    assert len(reads) == 1
    times = os.stat(path)
    content[LARGE_BYTES // 3] = 1  # no sample of the file would tell
    with path.open("r+b") as file:
        file.seek(LARGE_BYTES // 3)
        file.write(b"\1")
    os.utime(
        path, ns=(times.st_atime_ns, times.st_mtime_ns)
    )  # as `rsync --times` and `cp -p` leave it
    changed = fingerprint_file(str(path))
    assert changed != first
    assert len(reads) == 2
    copy = tmp_path / "copy"
    copy.write_bytes(content)
    assert fingerprint_file(str(copy)) == changed


def test_a_file_that_changed_a_moment_ago_is_not_kept(tmp_path, reads, monkeypatch):
    monkeypatch.setattr("d2b_ray.store.hash_cache.SETTLED_NS", 10**15)
    large(tmp_path / "x")
    assert len({fingerprint_file(str(tmp_path / "x")) for _ in range(2)}) == 1
    assert len(reads) == 2


@pytest.mark.parametrize("damage", [b"", b"not a data base" * 100])
def test_a_damaged_cache_costs_time_and_no_truth(tmp_path, reads, damage):
    path = tmp_path / "x"
    large(path)
    first = fingerprint_file(str(path))
    (tmp_path / "cache" / "digests.sqlite").write_bytes(damage)
    assert fingerprint_file(str(path)) == first
    assert len(reads) == 2


def test_a_cache_that_cannot_be_written_costs_time_and_no_truth(tmp_path, reads):
    (tmp_path / "cache").write_text("a file where the folder should be")
    large(tmp_path / "x")
    assert len({fingerprint_file(str(tmp_path / "x")) for _ in range(2)}) == 1
    assert len(reads) == 2


def test_what_is_kept_is_of_one_state_of_a_path(tmp_path):
    cache = HashCache(tmp_path)
    assert cache.get("a", "1") is None
    cache.put("a", "1", "x", 0)
    cache.put("b", "1", "y", 0)
    assert (cache.get("a", "1"), cache.get("a", "2"), cache.get("b", "1")) == ("x", None, "y")
    cache.put("a", "2", "z", 0)
    assert (cache.get("a", "1"), cache.get("a", "2")) == (None, "z")


def test_many_are_told_of_when_they_take_long(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprints, "SLOW_S", -1.0)
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    paths, lines = [str(tmp_path / name) for name in ("a", "b")], []
    assert fingerprint_files(paths, lines.append) == {p: fingerprint_file(p) for p in paths}
    (line,) = lines
    assert "reading 2 input files once" in line


def test_nested_keys_may_come_in_any_order_and_nan_is_refused():
    assert digest({"a": {"x": 1, "y": 2}}) == digest({"a": {"y": 2, "x": 1}})
    with pytest.raises(ValueError):
        digest({"a": float("nan")})


def test_a_folder_is_its_names_and_all_of_its_files(tmp_path, reads):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        for number in range(40):
            (folder / f"frame_{number:03d}.png").write_bytes(bytes([number]))
    before = fingerprint_folder(str(one))
    assert before == fingerprint_folder(str(other))
    reads.clear()
    assert before == fingerprint_folder(str(one))
    assert reads == []
    for number in (0, 17, 39):
        path = other / f"frame_{number:03d}.png"
        content = path.read_bytes()
        path.write_bytes(b"c")  # as long as it was
        assert fingerprint_folder(str(other)) != before
        path.write_bytes(content)
        assert fingerprint_folder(str(other)) == before
    (other / "frame_000.png").rename(other / "frame_999.png")
    assert fingerprint_folder(str(other)) != before


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StoreError):
        fingerprint_folder(str(tmp_path / "none"))
