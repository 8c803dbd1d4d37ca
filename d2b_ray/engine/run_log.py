"""The log of a run, kept beside its results wherever they are.

Lines of the package's loggers at INFO; written when the run ends, however it ends, and every
half minute in between, as one small file (an object store cannot append).
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Self

from d2b_ray.errors import LeaseError, StoreError

if TYPE_CHECKING:
    from types import TracebackType

    from d2b_ray.store import Layout, Store

__all__ = ["RunLog"]

EVERY_S = 30.0


class RunLog(logging.Handler):
    """Collects log lines and keeps `logs/<start>.log` up to date while the block runs."""

    def __init__(self, store: Store, layout: type[Layout]) -> None:
        super().__init__(logging.INFO)
        self.path = layout.log(time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
        self._store = store
        self._lines: list[str] = []
        self._written = time.monotonic()
        self._root = logging.getLogger("d2b_ray")
        self._level = self._root.level
        formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def __enter__(self) -> Self:
        self._root.addHandler(self)
        self._root.setLevel(logging.INFO)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._lines.append(f"ended by {kind.__name__}")
        self._root.removeHandler(self)
        self._root.setLevel(self._level)
        self._write()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; write all of them when half a minute has passed."""
        self._lines.append(self.format(record))
        if time.monotonic() - self._written > EVERY_S:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        try:
            self._store.write_bytes(self.path, ("\n".join(self._lines) + "\n").encode())
        except (StoreError, LeaseError) as error:  # the sweep itself meets this, and tells
            self._root.debug("no log: %s", error)
