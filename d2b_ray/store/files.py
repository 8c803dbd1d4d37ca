"""The store: whole files below one address, on a disk, in memory or in a bucket.

Every write is atomic: a reader sees the old file or the new one, whoever is killed when. Says
nothing of what lies where (`layout`) or what is done (`records`).
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import StoreError
from d2b_ray.store.drives import open_drive
from d2b_ray.store.faults import as_store_error
from d2b_ray.store.formats import (
    array_from_bytes,
    array_parts,
    json_bytes,
    json_from_bytes,
    table_bytes,
    table_from_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from d2b_ray.arrays import Array
    from d2b_ray.store.fence import Fence

__all__ = ["Store", "Written", "checked_path"]

WRITERS = 8  # files written at a time: enough for a fast disk, or to hide a bucket's answers


@dataclass(frozen=True, slots=True)
class Written:
    """What a write has left: SHA-256 of the content in hexadecimal, and its length in bytes."""

    sha256: str
    bytes: int


class Store:
    """Files below `url`: a folder, `file://`, `memory://`, `s3://bucket/prefix`, any of fsspec.

    A relative folder is taken from the working directory once, here. `storage_options` go to
    fsspec. Picklable: it holds an address, no connection. Paths are relative, with `/`. All
    methods raise StoreError with one line that names the address and what to do.
    """

    def __init__(self, url: str, **storage_options: Any) -> None:
        self._drive = open_drive(str(url), storage_options)
        self._fence: Fence | None = None

    def fenced(self, fence: Fence | None) -> Store:
        """The same store, whose writes and removals check first that `fence` still holds."""
        other = copy(self)
        other._fence = fence
        return other

    @property
    def url(self) -> str:
        """The address: an absolute folder, or a URL."""
        return self._drive.url

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def address(self, path: str) -> str:
        """Absolute path or full URL of a file."""
        return self._drive.address(checked_path(path))

    # -- bytes -----------------------------------------------------------------------------------

    def read_bytes(self, path: str) -> bytes:
        """Content of a file."""
        with as_store_error(self.address(path)):
            return self._drive.read(path)

    def read_many(self, paths: Sequence[str]) -> list[bytes]:
        """Contents of many small files, in order; in a bucket, many requests at a time."""
        for path in paths:
            checked_path(path)
        with as_store_error(self.url):
            return self._drive.read_many(paths)

    def write_bytes(self, path: str, data: bytes) -> Written:
        """Write or replace a file."""
        return self._write(path, [data])

    def create_exclusive(self, path: str, data: bytes) -> bool:
        """Write a file that must not exist yet; False if it does. Of several callers one gets True.

        For leases. Needs a bucket that honours If-None-Match (AWS, MinIO, Ceph, Swift).
        """
        self._must_be_named(path)
        self._check_fence()
        with as_store_error(self.address(path)):
            return self._drive.create(path, data)

    # -- values ----------------------------------------------------------------------------------

    def read_json(self, path: str) -> Any:
        """The value of a JSON file."""
        return json_from_bytes(self.read_bytes(path), self.address(path))

    def write_json(self, path: str, value: Any) -> Written:
        """Write a value as JSON, keys sorted; ValueError for NaN."""
        return self._write(path, [json_bytes(value)])

    def read_array(self, path: str) -> Array:
        """The array of a .npy file; pickled objects are refused."""
        return array_from_bytes(self.read_bytes(path), self.address(path))

    def write_array(self, path: str, array: Array) -> Written:
        """Write an array as .npy in C order; the same array gives the same bytes anywhere."""
        return self._write(path, array_parts(array))

    def write_arrays(self, arrays: Mapping[str, Array]) -> dict[str, Written]:
        """Write several arrays at a time, path -> array, as `write_array` does."""
        with ThreadPoolExecutor(WRITERS) as pool:
            written = pool.map(self.write_array, arrays, arrays.values())
            return dict(zip(arrays, written, strict=True))

    def read_table(self, path: str) -> pa.Table:
        """The table of a Parquet file, column metadata included."""
        return table_from_bytes(self.read_bytes(path), self.address(path))

    def write_table(self, path: str, table: pa.Table) -> Written:
        """Write a table as Parquet; the same table gives the same bytes with the same pyarrow."""
        return self._write(path, [table_bytes(table)])

    # -- names -----------------------------------------------------------------------------------

    def exists(self, path: str) -> bool:
        """Whether a file (not a folder) of this name exists."""
        with as_store_error(self.address(path)):
            return self._drive.is_file(path)

    def size(self, path: str) -> int:
        """Length of a file in bytes."""
        with as_store_error(self.address(path)):
            return self._drive.size(path)

    def list(self, prefix: str = "") -> tuple[str, ...]:
        """All relative paths that begin with `prefix`, sorted; one listing. `units/` is a folder.

        Half-written files of killed writers are left out.
        """
        checked_path(f"{prefix}x")  # a prefix may end anywhere in a name
        with as_store_error(self.address("")):
            return tuple(sorted(self._drive.walk(prefix)))

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """The same paths with the length of each in bytes."""
        checked_path(f"{prefix}x")
        with as_store_error(self.address("")):
            return dict(sorted(self._drive.sizes(prefix)))

    def remove(self, path: str) -> None:
        """Remove a file; an absent one is fine."""
        self._check_fence()
        with as_store_error(self.address(path)):
            self._drive.remove(path)

    def remove_tree(self, path: str) -> None:
        """Remove a folder and all below; an absent one is fine."""
        self._check_fence()
        with as_store_error(self.address(path)):
            self._drive.remove_tree(path)

    def remove_leftovers(self) -> int:
        """Remove what killed writers left half-written; only for who holds the root (`Lease`)."""
        self._check_fence()
        with as_store_error(self.url):
            return self._drive.remove_leftovers()

    def _write(self, path: str, parts: Sequence[bytes | memoryview]) -> Written:
        self._must_be_named(path)
        self._check_fence()
        with as_store_error(self.address(path)):
            self._drive.write(path, parts)
        content = hashlib.sha256()
        for part in parts:
            content.update(part)
        return Written(content.hexdigest(), sum(len(part) for part in parts))

    def _check_fence(self) -> None:
        if self._fence is not None:
            self._fence.check()

    def _must_be_named(self, path: str) -> None:
        if not path:
            raise StoreError(f"{self.url}: a file must have a name")


def checked_path(path: str) -> str:
    """The relative path itself, or StoreError: no `..`, no empty part, no control character."""
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in path):
        raise StoreError(f"{path!r} is not a path in a store: it holds a control character")
    if path and any(part in ("", ".", "..") for part in path.split("/")):
        raise StoreError(
            f"{path!r} is not a path in a store: it must be relative, without '.', '..' or '//'"
        )
    return path
