"""A bucket or any other file system of fsspec as the place of a store: S3, memory. Whole files only.

Crash story: a file is built in memory and sent as one object (above 100 MB in parts that are joined
by one last request). A killed writer leaves nothing. Never `open(.., "wb")`: leaving such a block
by an exception would store half a file.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import fsspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Bucket"]

S3 = ("s3", "s3a")
ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Files below `root` of the file system `protocol`. Holds no connection, so it can be sent."""

    protocol: str
    root: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def at(cls, protocol: str, rest: str, options: Mapping[str, Any]) -> Bucket:
        """The bucket of an address `protocol://rest`. S3 takes the endpoint of this process along.

        The environment of a worker on another machine may not name it.
        """
        options = dict(options)
        if protocol in S3:
            options.setdefault("use_listings_cache", False)
            endpoints = [os.environ[name] for name in ENDPOINT_VARIABLES if os.environ.get(name)]
            if endpoints and "client_kwargs" not in options:
                options.setdefault("endpoint_url", endpoints[0])
        root = rest.strip("/")
        return cls(protocol, f"/{root}" if protocol == "memory" else root, options)

    @property
    def url(self) -> str:
        """The address, which opens the same bucket again."""
        return f"{self.protocol}://{self.root.lstrip('/')}"

    def check(self) -> None:
        """Raise ValueError or ImportError if fsspec cannot open such an address; connects to nothing."""
        fsspec.get_filesystem_class(self.protocol)
        if not self.root and self.protocol != "memory":
            raise ValueError("no bucket is named")

    @property
    def _fs(self) -> Any:
        # fsspec keeps one instance a process and thread: asking anew is cheap, and right after a fork
        return fsspec.filesystem(self.protocol, **self.options)

    def address(self, path: str) -> str:
        """Full URL of a file."""
        return f"{self.url}/{path}" if path else self.url

    def read(self, path: str) -> bytes:
        """Content of a file; FileNotFoundError if there is none."""
        return bytes(self._fs.cat_file(self._full(path)))

    def read_many(self, paths: Sequence[str]) -> list[bytes]:
        """Contents of files, in order; many requests at a time."""
        if not paths:
            return []
        # not `cat`, which takes `[` and `*` in a name for a pattern
        found = self._fs.cat_ranges([self._full(path) for path in paths], None, None)
        for content in found:
            if isinstance(content, Exception):
                raise content
        return [bytes(content) for content in found]

    def write(self, path: str, parts: Sequence[bytes | memoryview]) -> None:
        """Replace a file by the joined `parts`, in one step for every reader."""
        self._fs.pipe_file(self._full(path), b"".join(parts))

    def create(self, path: str, data: bytes) -> bool:
        """Write a file that does not exist yet; False if it exists (S3: If-None-Match)."""
        try:
            self._fs.pipe_file(self._full(path), data, mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            # Swift answers a lost race with an error that s3fs knows no name for
            if error.errno == errno.EINVAL and self.is_file(path):
                return False
            raise
        return True

    def is_file(self, path: str) -> bool:
        """Whether a file of this name exists."""
        return self._info(path) is not None

    def size(self, path: str) -> int:
        """Length of a file in bytes."""
        info = self._info(path)
        if info is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        return int(info["size"])

    def walk(self, prefix: str) -> Iterator[str]:
        """Relative paths that begin with `prefix`, in any order; one listing."""
        for path, _ in self.sizes(prefix):
            yield path

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The same with the length of each in bytes; one listing."""
        folder, _, begin = prefix.rpartition("/")
        top = self._full(folder)
        # only S3 can be asked for the beginning of a name; elsewhere it is chosen here
        narrowed = {"prefix": begin} if begin and self.protocol in S3 else {}
        cut = len(self.root) + 1
        for full, info in self._fs.find(top, detail=True, **narrowed).items():
            path = full[cut:]
            if full.startswith(f"{self.root}/") and path.startswith(prefix):
                yield path, int(info["size"])

    def remove(self, path: str) -> None:
        """Remove a file; an absent one is fine."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._full(path))

    def remove_tree(self, path: str) -> None:
        """Remove all files below a folder; an absent one is fine."""
        for found in list(self.walk(f"{path}/" if path else "")):
            self.remove(found)

    def remove_leftovers(self) -> int:
        """Nothing to do: an object is there as a whole or not at all."""
        return 0

    def _full(self, path: str) -> str:
        return f"{self.root}/{path}" if path else self.root

    def _info(self, path: str) -> dict[str, Any] | None:
        try:
            info: dict[str, Any] = self._fs.info(self._full(path))
        except FileNotFoundError as error:
            if "bucket does not exist" in str(error):
                raise
            return None
        return info if info["type"] == "file" else None
