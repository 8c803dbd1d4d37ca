"""What a store needs of a place to lie in, and which place an address means: a disk or a bucket."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

from d2b_ray.errors import StoreError
from d2b_ray.store.disk import Disk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Drive", "open_drive"]


# Those of fsspec that replace an object in one step: a store never shows half a file.
BUCKETS = ("s3", "s3a", "gs", "gcs", "abfs", "az", "memory")


class Drive(Protocol):
    """What a store needs of a place. Paths are relative and checked."""

    @property
    def url(self) -> str: ...
    def address(self, path: str) -> str: ...
    def read(self, path: str) -> bytes: ...
    def read_many(self, paths: Sequence[str]) -> list[bytes]: ...
    def write(self, path: str, parts: Sequence[bytes | memoryview]) -> None: ...
    def create(self, path: str, data: bytes) -> bool: ...
    def is_file(self, path: str) -> bool: ...
    def size(self, path: str) -> int: ...
    def walk(self, prefix: str) -> Iterator[str]: ...
    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]: ...
    def remove(self, path: str) -> None: ...
    def remove_tree(self, path: str) -> None: ...
    def remove_leftovers(self) -> int: ...


def open_drive(url: str, options: dict[str, Any]) -> Drive:
    """The disk or bucket behind an address; StoreError for an address that nothing here opens."""
    protocol, mark, rest = url.partition("://")
    if not mark:
        protocol, rest = "file", url
    if not url or any(ord(sign) < 32 for sign in url):
        raise StoreError(f"{url!r} is not an address of a store; give a folder or s3://bucket/path")
    if protocol in ("file", "local"):
        return Disk(os.path.abspath(rest))
    if protocol not in BUCKETS:
        raise StoreError(
            f"{url}: nothing here opens {protocol}://; give a folder, or one of "
            f"{', '.join(f'{name}://' for name in BUCKETS)}"
        )
    from d2b_ray.store.bucket import Bucket

    bucket = Bucket.at(protocol, rest, options)
    try:
        bucket.check()
    except (ValueError, ImportError) as error:
        raise StoreError(
            f"{url}: nothing here opens {protocol}:// ({error}); give a folder or s3://bucket/path"
        ) from error
    return bucket
