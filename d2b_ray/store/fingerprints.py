"""Fingerprints of inputs: what a file or a set of values was when a unit read it.

Not keys: a key says what was asked for, a fingerprint what was found.
"""

from __future__ import annotations

import hashlib
import os

import fsspec

from d2b_ray.plan.keys import digest
from d2b_ray.store.faults import as_store_error

__all__ = ["digest", "fingerprint_file", "fingerprint_folder"]

WHOLE_BYTES = 16 * 2**20
PIECES = 64
PIECE_BYTES = 64 * 2**10
FILES = 16


def fingerprint_file(url: str) -> str:
    """Fingerprint of a file's content, not of its name or date.

    Up to 16 MiB `sha256:` of all bytes. Above, `pieces:` SHA-256 of the length and of 64 pieces of
    64 KiB, evenly spaced, the first and the last byte among them: a changed file of that size is
    nearly always changed in length or in all of its content, and reading 10 GB to find out costs
    more than a fit. `url` is a path or any URL of fsspec. StoreError if it cannot be read.
    """
    protocol, mark, rest = url.partition("://")
    with as_store_error(url):
        if not mark or protocol in ("file", "local"):
            return _of_local_file(rest if mark else url)
        return _of_remote_file(url)


def fingerprint_folder(path: str) -> str:
    """Fingerprint of a folder of many alike files: all names, and what some of the files hold.

    `pieces:` SHA-256 of the sorted names and of the content of 16 files, evenly spaced, the first
    and the last among them; of all if there are no more. Frames of a video are written all at once,
    and a few tell whether it was another; to read a million of them would cost more than a fit.
    StoreError if the folder or one of these files cannot be read.
    """
    with as_store_error(path):
        names = sorted(entry.name for entry in os.scandir(path) if entry.is_file())
    content = hashlib.sha256("\n".join(names).encode())
    count = min(FILES, len(names))
    for index in range(count):
        name = names[index * (len(names) - 1) // max(1, count - 1)]
        content.update(fingerprint_file(os.path.join(path, name)).encode())
    return f"pieces:{content.hexdigest()}"


def piece_starts(size: int) -> tuple[int, ...]:
    """First bytes of the pieces of a file of `size` bytes (above 16 MiB)."""
    return tuple(index * (size - PIECE_BYTES) // (PIECES - 1) for index in range(PIECES))


def _of_local_file(path: str) -> str:
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        if size <= WHOLE_BYTES:
            return _whole(file.read())
        pieces = []
        for start in piece_starts(size):
            file.seek(start)
            pieces.append(file.read(PIECE_BYTES))
    return _of_pieces(size, pieces)


def _of_remote_file(url: str) -> str:
    fs, path = fsspec.url_to_fs(url)
    size = int(fs.info(path)["size"])
    if size <= WHOLE_BYTES:
        return _whole(fs.cat_file(path))
    starts = piece_starts(size)
    ends = [start + PIECE_BYTES for start in starts]
    pieces = fs.cat_ranges([path] * PIECES, list(starts), ends)
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
    return _of_pieces(size, pieces)


def _whole(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _of_pieces(size: int, pieces: list[bytes]) -> str:
    content = hashlib.sha256(f"{size}\n".encode())
    for piece in pieces:
        content.update(piece)
    return f"pieces:{content.hexdigest()}"
