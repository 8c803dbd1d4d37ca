"""Fingerprints: of content, not of names, dates or order."""

from __future__ import annotations

import pytest

from d2b_ray.errors import StoreError
from d2b_ray.store import digest, fingerprint_file
from d2b_ray.store.fingerprints import WHOLE_BYTES


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
