"""Digests of large files, kept from one look to the next: a file that did not change is not read again.

A small SQLite file in the user's cache folder (`$D2B_RAY_CACHE`, else `$XDG_CACHE_HOME/d2b_ray`, else
`~/.cache/d2b_ray`), shared by all processes. A file is known by its path, size, inode and times of change
in nanoseconds. A cache that is gone, damaged or read-only costs time, never truth.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

__all__ = ["HashCache", "cache_folder"]

log = logging.getLogger(__name__)
SETTLED_NS = 2 * 10**9  # a file changed more recently may change again within one tick of its clock
WAIT_S = 5.0  # for another process that writes


def cache_folder() -> Path:
    """Where what can be made again is kept for this user."""
    if own := os.environ.get("D2B_RAY_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "d2b_ray"


class HashCache:
    """Remembers a digest under a path and a state of it (`state`)."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = (folder or cache_folder()) / "digests.sqlite"

    @staticmethod
    def state(found: os.stat_result) -> str:
        """What changes when a file does: size, inode, times of change of content and of the entry."""
        return f"{found.st_size} {found.st_ino} {found.st_mtime_ns} {found.st_ctime_ns}"

    def get(self, path: str, state: str) -> str | None:
        """The digest that was kept of this path in this state; None if there is none."""
        if not self._file.exists():
            return None
        try:
            with closing(self._open()) as base:
                row = base.execute(
                    "select digest from digests where path = ? and state = ?", (path, state)
                ).fetchone()
        except sqlite3.Error as error:
            log.info("%s cannot be read: %s", self._file, error)
            return None
        return str(row[0]) if row else None

    def put(self, path: str, state: str, digest: str, changed_ns: int) -> None:
        """Keep a digest, unless the path changed (`changed_ns`) a moment ago."""
        if time.time_ns() - changed_ns < SETTLED_NS:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as base, base:
                base.execute(
                    "create table if not exists digests (path text primary key, state text, digest text)"
                )
                base.execute(
                    "insert or replace into digests values (?, ?, ?)", (path, state, digest)
                )
        except (OSError, sqlite3.Error) as error:
            log.info("%s cannot be written: %s", self._file, error)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=WAIT_S)
