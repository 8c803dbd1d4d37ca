"""The contract, on a disk, in memory, and in a bucket behind a real S3 server."""

from __future__ import annotations

import uuid

import fsspec
import pytest
from s3_server import s3_server

from d2b_ray.errors import StoreError
from d2b_ray.store import Store

from .contract import StoreContract


class TestDisk(StoreContract):
    @pytest.fixture
    def url(self, tmp_path):
        return str(tmp_path / "a b [c] é#%")


class TestMemory(StoreContract):
    @pytest.fixture
    def url(self):
        yield f"memory://{uuid.uuid4().hex}/deep"
        fsspec.filesystem("memory").store.clear()


@pytest.fixture(scope="module")
def bucket():
    with s3_server("lab"):
        yield "s3://lab"


class TestS3(StoreContract):
    @pytest.fixture
    def url(self, bucket):
        return f"{bucket}/{uuid.uuid4().hex}/deep"


def test_a_bucket_that_does_not_exist(bucket):
    with pytest.raises(StoreError, match="the bucket does not exist"):
        Store("s3://nobodys/x").write_bytes("a", b"1")


@pytest.mark.parametrize("url", ["", "gopher://x", "s3://"])
def test_addresses_that_cannot_be_opened(url):
    with pytest.raises(StoreError) as caught:
        Store(url)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="a file stands where a folder is needed"):
        Store(str(tmp_path / "file")).write_bytes("a/b", b"1")
