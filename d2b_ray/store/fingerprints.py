"""Fingerprints of inputs: what a file or a set of values was when a unit read it.

Not keys: a key says what was asked for, a fingerprint what was found.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import fsspec

from d2b_ray.store.faults import told
from d2b_ray.store.formats import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["canonical_json", "digest", "fingerprint_file"]

WHOLE_BYTES = 16 * 2**20
PIECES = 64
PIECE_BYTES = 64 * 2**10
DIGEST_DIGITS = 12  # 48 bits: guards against accidents, of which there are few


def digest(mapping: Mapping[str, Any]) -> str:
    """12 hexadecimal digits of the SHA-256 of the canonical JSON; the order of keys is nothing."""
    text = canonical_json(dict(mapping))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:DIGEST_DIGITS]


def fingerprint_file(url: str) -> str:
    """Fingerprint of a file's content, not of its name or date.

    Up to 16 MiB `sha256:` of all bytes. Above, `pieces:` SHA-256 of the length and of 64 pieces of
    64 KiB, evenly spaced, the first and the last byte among them: a changed file of that size is
    nearly always changed in length or in all of its content, and reading 10 GB to find out costs
    more than a fit. `url` is a path or any URL of fsspec. StoreError if it cannot be read.
    """
    protocol, mark, rest = url.partition("://")
    with told(url):
        if not mark or protocol in ("file", "local"):
            return _of_local_file(rest if mark else url)
        return _of_remote_file(url)


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
