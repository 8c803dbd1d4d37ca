"""Responses of a subject as one float32 file a role, mapped into memory: read once a machine.

Recordings are compressed and lie in many files: at full size (22,262 rows, 88,000 voxels) one subject takes
ten minutes to read. The first worker of a machine that needs a subject writes what it reads into a folder of
this machine; all its workers map that file, so that the pages are held once, by the system, and dropped
when memory is short. A file is known by the digest of all that it was made of. The least recently used
make room; what cannot be kept is read into memory instead, as ever.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from d2b_ray.data.machine_folder import machine_folder
from d2b_ray.data.unusable import unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray

__all__ = ["MappedResponses", "ResponseFiles"]

log = logging.getLogger(__name__)
SHARE = 0.5  # of what is free, where no bound is given


class MappedResponses(NamedTuple):
    """Responses (n, V) float32, read-only, and which columns nothing can be fitted to, (V,)."""

    rows: FloatArray
    bad: NDArray[np.bool_]


class ResponseFiles:
    """A bounded folder of arrays that can be made again; None: one of this user's, on this machine."""

    def __init__(self, folder: str | None = None, limit_bytes: int | None = None) -> None:
        self.folder = Path(folder) if folder else machine_folder("responses")
        self._limit = limit_bytes

    def get(
        self,
        key: str,
        samples: int,
        read: Callable[[], Iterable[FloatArray]],
        finish: Callable[[FloatArray], None] | None = None,
        *,
        ahead: bool = False,
    ) -> MappedResponses | None:
        """The array of a key; made of the rows that `read` yields in order, `samples` in all, if need be.

        `finish` changes the whole in its place, as a file that is mapped. None where it cannot be kept;
        what is made `ahead` of its use displaces nothing.
        Raises what `read` raises; nothing is left behind then.
        """
        if self._limit == 0:
            return None
        try:
            _private(self.folder)
            with _locked(self.folder / f"{key}.lock"):
                found = self._open(key)
                if found is None:
                    self._make(key, samples, read, finish, displaces=not ahead)
                    found = self._open(key)
        except _NoRoomError as error:
            if ahead:
                return None
            log.warning("responses are read into memory, not kept in %s: %s", self.folder, error)
            return None
        return found

    def _open(self, key: str) -> MappedResponses | None:
        path = self.folder / f"{key}.npy"
        try:
            rows = np.load(path, mmap_mode="r", allow_pickle=False)
            bad = np.load(path.with_suffix(".bad.npy"), allow_pickle=False)
            os.utime(path)
        except (OSError, ValueError):
            return None
        return MappedResponses(rows, bad) if bad.shape == rows.shape[1:] else None

    def _make(
        self,
        key: str,
        samples: int,
        read: Callable[[], Iterable[FloatArray]],
        finish: Callable[[FloatArray], None] | None,
        *,
        displaces: bool,
    ) -> None:
        path = self.folder / f"{key}.npy"
        part = self.folder / f"{key}.{os.getpid()}.part"
        try:
            made: NDArray[np.float32] | None = None
            row = 0
            for rows in read():
                if made is None:
                    self._make_room(samples * rows.shape[1] * 4, displaces=displaces)
                    with _no_room():
                        made = np.lib.format.open_memmap(
                            part, "w+", dtype=np.float32, shape=(samples, rows.shape[1])
                        )
                        _take_room(part)
                made[row : row + len(rows)] = rows
                row += len(rows)
            assert isinstance(made, np.memmap)
            if finish is not None:
                finish(made)
            with _no_room():
                made.flush()
                np.save(path.with_suffix(".bad.npy"), unusable(made))
                part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _make_room(self, needed: int, *, displaces: bool) -> None:
        """Remove what was not used for longest, if it may; _NoRoomError if that is not enough."""
        for part in self.folder.glob("*.part"):
            if not _is_alive(int(part.suffixes[-2][1:])):
                part.unlink(missing_ok=True)  # of a process that was killed
        kept = {path: path.stat() for path in self.folder.glob("*.npy")}
        held = sum(found.st_size for found in kept.values())
        free = shutil.disk_usage(self.folder).free
        limit = self._limit if self._limit is not None else int(SHARE * (free + held))
        limit = min(limit, free + held)
        if needed > limit:
            raise _NoRoomError(f"{needed:,} bytes where {limit:,} may be taken")
        if held + needed > limit and not displaces:
            raise _NoRoomError(f"{needed:,} bytes where {limit - held:,} are free")
        for path in sorted(kept, key=lambda one: kept[one].st_mtime):
            if held + needed <= limit:
                break
            path.unlink(missing_ok=True)  # who maps it keeps it until he lets go
            held -= kept[path].st_size


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:  # another user's is alive, too
        return not isinstance(error, ProcessLookupError)
    return True


class _NoRoomError(Exception):
    """The folder cannot take it."""


@contextmanager
def _no_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _NoRoomError(error.strerror or str(error)) from error


def _take_room(path: Path) -> None:
    """The disk's blocks of a sparse file: a full disk would end a process that writes to its map."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process of this machine at a time; the lock goes with a process that dies."""
    with _no_room():
        file = path.open("w")
    with file:
        with _no_room():
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _private(folder: Path) -> None:
    """Make the folder for this user alone; _NoRoomError where it is somebody else's."""
    with _no_room():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise _NoRoomError("the folder is another user's")
