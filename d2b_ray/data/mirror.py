"""Data sets that lie at a URL (`s3://lab/data`, anything of fsspec): a copy of their files on this machine.

Readers want files. Whoever opens such a data set first on a machine fetches what is new or has changed since
(by size and tag), one process at a time; the others take what lies there. All copies together are kept
within a bound, `$D2B_RAY_INPUTS_GB` or half of what is free: the data set that was not opened for longest
makes room. A file is fetched aside and renamed, so that none is ever half there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from d2b_ray.data.machine_folder import machine_folder
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["local_folder"]

LIMIT_VARIABLE = "D2B_RAY_INPUTS_GB"
INDEX = "index.json"
FILES = "files"
SHARE = 0.5
TAGS = ("ETag", "etag", "md5Hash", "checksum", "mtime", "LastModified", "last_modified", "created")


def local_folder(url: str) -> Path:
    """The folder on this machine that holds all files below `url`, fetched if need be.

    Raises DataError with one line where they cannot be listed or fetched, or take more room than may be.
    """
    import fsspec

    url = url.rstrip("/")
    protocol, _, rest = url.partition("://")
    try:
        files = fsspec.filesystem(protocol, **_options(protocol))
        listed = _listed(files, rest)
    except Exception as error:  # each file system has errors of its own kind
        raise DataError(f"{url}: the data set cannot be listed ({_words(error)})") from error
    if not listed:
        raise DataError(f"{url}: no file is there")
    home = machine_folder("inputs") / sha256(url.encode()).hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(home.with_suffix(".lock")):
        known = _index(home)
        wanted = {name: state for name, state in listed.items() if known.get(name) != state}
        _make_room(url, home, sum(int(state[0]) for state in listed.values()))
        for name in known.keys() - listed.keys():
            (home / FILES / name).unlink(missing_ok=True)
        try:
            for name in wanted:
                _fetch(files, f"{rest}/{name}", home / FILES / name)
        except Exception as error:  # as above
            raise DataError(f"{url}: cannot be fetched ({_words(error)})") from error
        (home / INDEX).write_text(json.dumps({"url": url, "files": listed}))
    return home / FILES


def _options(protocol: str) -> dict[str, Any]:
    return {"use_listings_cache": False} if protocol in ("s3", "s3a") else {}


def _listed(files: Any, root: str) -> dict[str, list[str]]:
    """File below the root -> its size and what tells its version."""
    found = files.find(root, detail=True)
    prefix = files._strip_protocol(root).rstrip("/") + "/"
    listed = {}
    for path, about in sorted(found.items()):
        tag = next((str(about[name]) for name in TAGS if about.get(name)), "")
        name = path.removeprefix(prefix)
        if about.get("type") == "file" and name and ".." not in Path(name).parts:
            listed[name] = [str(about["size"]), tag]
    return listed


def _fetch(files: Any, path: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        files.get_file(path, str(aside))
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _index(home: Path) -> Mapping[str, list[str]]:
    """What lies here, by an index that was written when all of it did."""
    try:
        found: dict[str, list[str]] = json.loads((home / INDEX).read_text())["files"]
    except (OSError, ValueError, KeyError):
        return {}
    return {name: state for name, state in found.items() if (home / FILES / name).is_file()}


def _make_room(url: str, home: Path, needed: int) -> None:
    """Remove other data sets, the least recently opened first; DataError if that is not enough."""
    others = [p for p in home.parent.iterdir() if p.is_dir() and p != home]
    held = {path: sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) for path in others}
    own = sum(f.stat().st_size for f in home.rglob("*") if f.is_file())
    free = shutil.disk_usage(home).free + sum(held.values()) + own
    told = os.environ.get(LIMIT_VARIABLE)
    limit = float(told) * 1e9 if told else SHARE * free
    if needed > min(limit, free):
        raise DataError(
            f"{url}: {needed / 1e9:.1f} GB, and {min(limit, free) / 1e9:.1f} GB may be kept in "
            f"{home.parent}; set {LIMIT_VARIABLE}, or D2B_RAY_CACHE to a larger disk"
        )
    for path in sorted(
        others, key=lambda one: (one / INDEX).stat().st_mtime if (one / INDEX).is_file() else 0
    ):
        if sum(held.values()) + needed <= limit:
            break
        with _locked(path.with_suffix(".lock")):
            shutil.rmtree(path)
        del held[path]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process of this machine at a time; the lock goes with a process that dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
