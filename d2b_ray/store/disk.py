"""A folder of this machine as the place of a store. Whole files only; no format, no layout.

Crash story: a file is written under a temporary name beside its target, forced to the disk, then
renamed over it. Whoever reads sees the old file or the new one. A killed writer leaves its
temporary file behind; listings pass over it, and who next holds the root removes it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Disk"]

TEMPORARY = re.compile(r"\..*\.\d+-[0-9a-f]+\.tmp")
KEPT_OF_NAME = 40  # characters of the target's name in a temporary name: both must fit 255 bytes


@dataclass(frozen=True, slots=True)
class Disk:
    """Files below the absolute folder `url`. Paths are relative, with `/`, and checked before."""

    url: str

    def address(self, path: str) -> str:
        """Absolute path of a file."""
        return f"{self.url}/{path}" if path else self.url

    def read(self, path: str) -> bytes:
        """Content of a file; FileNotFoundError if there is none."""
        with open(self.address(path), "rb") as file:
            return file.read()

    def read_many(self, paths: Sequence[str]) -> list[bytes]:
        """Contents of files, in order."""
        return [self.read(path) for path in paths]

    def write(self, path: str, parts: Sequence[bytes | memoryview]) -> None:
        """Replace a file by the joined `parts`, in one step for every reader."""
        target = self.address(path)
        temporary = self._write_aside(target, parts)
        try:
            os.replace(temporary, target)
        except BaseException:
            _unlink(temporary)
            raise
        _sync_folder(os.path.dirname(target))

    def create(self, path: str, data: bytes) -> bool:
        """Write a file that does not exist yet, whole or not at all; False if it exists."""
        target = self.address(path)
        temporary = self._write_aside(target, [data])
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            return _create_plainly(target, data)
        finally:
            _unlink(temporary)
        _sync_folder(os.path.dirname(target))
        return True

    def is_file(self, path: str) -> bool:
        """Whether a file of this name exists."""
        return os.path.isfile(self.address(path))

    def size(self, path: str) -> int:
        """Length of a file in bytes."""
        return os.stat(self.address(path)).st_size

    def walk(self, prefix: str) -> Iterator[str]:
        """Relative paths that begin with `prefix`, in any order, without temporary files."""
        folder, _, begin = prefix.rpartition("/")
        yield from self._walk(folder, begin)

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The same with the length of each in bytes."""
        for path in self.walk(prefix):
            with suppress(FileNotFoundError):  # removed meanwhile
                yield path, self.size(path)

    def remove(self, path: str) -> None:
        """Remove a file; an absent one is fine."""
        with suppress(FileNotFoundError):
            os.unlink(self.address(path))

    def remove_tree(self, path: str) -> None:
        """Remove a folder with all that is in it; an absent one is fine."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.address(path))

    def remove_leftovers(self) -> int:
        """Remove the temporary files of writers that are gone; returns how many there were."""
        found = 0
        for folder, _, names in os.walk(self.url):
            for name in filter(TEMPORARY.fullmatch, names):
                _unlink(f"{folder}/{name}")
                found += 1
        return found

    def _walk(self, folder: str, begin: str) -> Iterator[str]:
        try:
            entries = list(os.scandir(self.address(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            if not entry.name.startswith(begin):
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir():
                yield from self._walk(path, "")
            elif not TEMPORARY.fullmatch(entry.name):
                yield path

    def _write_aside(self, target: str, parts: Sequence[bytes | memoryview]) -> str:
        folder, name = os.path.split(target)
        os.makedirs(folder, exist_ok=True)
        mark = f"{os.getpid()}-{secrets.token_hex(6)}"
        temporary = f"{folder}/.{name[:KEPT_OF_NAME]}.{mark}.tmp"
        try:
            with open(temporary, "xb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            _unlink(temporary)
            raise
        return temporary


def _create_plainly(target: str, data: bytes) -> bool:
    try:
        with open(target, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return False
    except BaseException:  # ours, and half written
        _unlink(target)
        raise
    return True


def _sync_folder(folder: str) -> None:
    """Make a rename survive a power cut: a record must never outlive the files it names."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse
            os.fsync(handle)
    finally:
        os.close(handle)


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
