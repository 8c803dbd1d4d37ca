"""Fingerprints of inputs: what a file or a set of values was when a unit read it.

Not keys: a key says what was asked for, a fingerprint what was found. Of a file all bytes count: a run
that was repaired in place is another. Large ones are read once (`hash_cache`).
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import fsspec

from d2b_ray.plan.keys import digest
from d2b_ray.store.faults import as_store_error
from d2b_ray.store.hash_cache import HashCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["digest", "fingerprint_file", "fingerprint_files", "fingerprint_folder"]

log = logging.getLogger(__name__)
LARGE_BYTES = 2**20  # smaller files are read every time: as fast as looking them up
READERS = 4  # files at a time; hashing leaves the interpreter to others
SLOW_S = 1.0  # after which a person is told what is going on


def fingerprint_file(url: str) -> str:
    """`sha256:` of all bytes of a file; not of its name or date.

    `url` is a path or any URL of fsspec. Of a large file in a bucket that tells a digest of its own
    (ETag), that and the length: `etag:`. StoreError if it cannot be read.
    """
    protocol, mark, rest = url.partition("://")
    with as_store_error(url):
        if not mark or protocol in ("file", "local"):
            return _of_local_file(rest if mark else url)
        return _of_remote_file(url)


def fingerprint_files(
    paths: Iterable[str], say: Callable[[str], None] = log.info
) -> dict[str, str]:
    """Path -> fingerprint of files and folders, several at a time; `say` is told of what takes long."""
    paths = list(dict.fromkeys(paths))
    began, told = time.monotonic(), False
    found: dict[str, str] = {}
    with ThreadPoolExecutor(READERS) as pool:
        for path, fingerprint in zip(paths, pool.map(_of_any, paths), strict=True):
            found[path] = fingerprint
            if not told and time.monotonic() - began > SLOW_S:
                told = True
                say(f"reading {len(paths)} input files once, to know them again ({path} ...)")
    return found


def fingerprint_folder(path: str) -> str:
    """`sha256:` of the names of all files of a folder and of their content.

    Read once as long as no file changes. StoreError if the folder or a file of it cannot be read.
    """
    with as_store_error(path):
        files = sorted(
            ((entry.name, entry.stat()) for entry in os.scandir(path) if entry.is_file()),
            key=lambda file: file[0],
        )
        state = digest({name: HashCache.state(stat) for name, stat in files})
        cache, place = HashCache(), os.path.abspath(path)
        known = cache.get(place, state)
        if known is not None:
            return known
        content = hashlib.sha256("\n".join(name for name, _ in files).encode())
        with ThreadPoolExecutor(READERS) as pool:
            for one in pool.map(_hashed, [os.path.join(path, name) for name, _ in files]):
                content.update(one.encode())
        fingerprint = f"sha256:{content.hexdigest()}"
        changed = max((stat.st_ctime_ns for _, stat in files), default=0)
        cache.put(place, state, fingerprint, changed)
    return fingerprint


def _of_any(path: str) -> str:
    return fingerprint_folder(path) if os.path.isdir(path) else fingerprint_file(path)


def _of_local_file(path: str) -> str:
    stat = os.stat(path)
    if stat.st_size < LARGE_BYTES:
        return _hashed(path)
    cache, place, state = HashCache(), os.path.abspath(path), HashCache.state(stat)
    known = cache.get(place, state)
    if known is None:
        known = _hashed(path)
        cache.put(place, state, known, stat.st_ctime_ns)
    return known


def _hashed(path: str) -> str:
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _of_remote_file(url: str) -> str:
    fs, path = fsspec.url_to_fs(url)
    info = fs.info(path)
    tag = info.get("ETag") or info.get("etag")
    if tag and int(info["size"]) >= LARGE_BYTES:
        return f"etag:{str(tag).strip(chr(34))} {int(info['size'])}"
    with fs.open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
