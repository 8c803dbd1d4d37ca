"""One writer to a root at a time: a lease with a heartbeat, and a fence before every write.

    lease/{generation}.json        who holds it; created by one of all that try, never changed
    lease/{generation}.beat.json   sign of life and progress; rewritten by the holder alone

The highest generation holds the root. A holder that shows no new beat for `SILENCE_S`, or whose process
on this machine is gone, has lost it to the next who asks. No clock of another machine is trusted:
who asks watches the beat with their own. A holder that was frozen and wakes up finds a
higher generation at its next write (`Fence`), and so do its workers: nothing of theirs lands.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from d2b_ray.errors import LeaseError, StoreError
from d2b_ray.store.fence import Fence, newest
from d2b_ray.store.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from d2b_ray.store.files import Store

__all__ = ["SILENCE_S", "Holder", "Lease", "holder"]

log = logging.getLogger(__name__)
SILENCE_S = 30.0  # without a beat, after which a holder is taken for dead
BEATS = 6  # in that time
FACTS = frozenset({"sweep", "host", "machine", "process", "born", "started"})
BEAT = frozenset({"beat", "ended", "told", "run"})


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a root: the facts it left, and its last beat (None before the first)."""

    generation: int
    facts: Mapping[str, Any]
    beat: Mapping[str, Any] | None

    @property
    def ended(self) -> bool:
        """Whether it gave the root back."""
        return self.beat is not None and bool(self.beat["ended"])

    @property
    def gone(self) -> bool:
        """Whether its process ran on this machine and is no more; False when that cannot be told."""
        same = self.facts["machine"] == _machine() and _machine() != ""
        return same and _born(int(self.facts["process"])) != self.facts["born"]

    def __str__(self) -> str:
        return (
            f"sweep {self.facts['sweep']!r}, process {self.facts['process']} on "
            f"{self.facts['host']}, started {self.facts['started']}"
        )


def holder(store: Store) -> Holder | None:
    """The latest holder of a root, ended or not; None if there never was one."""
    found = _newest(store)
    if found == 0:
        return None
    try:
        facts = _checked(store, Layout.lease(found), FACTS)
        path = Layout.beat(found)
        beat = _checked(store, path, BEAT) if store.exists(path) else None
    except StoreError:
        if _newest(store) != found:  # replaced while it was read
            return holder(store)
        raise
    return Holder(found, facts, beat)


def _checked(store: Store, path: str, wanted: frozenset[str]) -> Mapping[str, Any]:
    """A JSON file of `lease/`; StoreError if it is of another shape."""
    found = store.read_json(path)
    if not isinstance(found, dict) or not wanted <= found.keys():
        raise StoreError(
            f"{store.address(path)} is damaged: no {', '.join(sorted(wanted))} in it; if no run is alive "
            f"there, remove the folder {store.address('lease')}"
        )
    return found


class Lease:
    """Holds a root while the block runs; a thread keeps the heart beating.

    `sweep` is named to others who ask. `say` is told when a silent holder is waited for. Raises
    LeaseError at `__enter__` when another run is alive there.
    """

    def __init__(
        self, store: Store, sweep: str, say: Callable[[str], None], silence_s: float | None = None
    ) -> None:
        self._store = store
        self._sweep = sweep
        self._say = say
        self._silence_s = silence_s or float(os.environ.get("D2B_RAY_LEASE_S", SILENCE_S))
        self._progress: Callable[[], Mapping[str, Any]] = dict
        self._last: Mapping[str, Any] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="lease", daemon=True)
        self._beats = 0
        self.before: Holder | None = None
        self.lost: LeaseError | None = None
        self.fence = Fence(store.url, 0)

    def __enter__(self) -> Self:
        while True:
            self.before = holder(self._store)
            if self.before is not None:
                self._see_off(self.before)
            generation = 1 + (self.before.generation if self.before else 0)
            own = _facts(self._sweep)
            if self._store.create_exclusive(Layout.lease(generation), own):
                break
        if self._store.create_exclusive(Layout.lease(generation), own):  # it is there already
            self._say(
                f"{self._store.url} writes over what should only be created (no conditional writes): two "
                "runs that begin at once would not see each other; begin one at a time"
            )
        self.fence = Fence(self._store.url, generation)
        self._beat()
        for path in self._store.list("lease/"):
            if path < Layout.lease(generation) and not path.startswith(
                Layout.lease(generation).removesuffix(".json")
            ):
                self._store.remove(path)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        try:
            self.fence.check()
            self._beat(ended=True)
        except (LeaseError, StoreError) as error:
            log.info("the lease was not given back: %s", error)

    def tell(self, progress: Callable[[], Mapping[str, Any]]) -> None:
        """Who knows how far the run is: every beat asks, in its own thread."""
        self._progress = progress

    def _see_off(self, before: Holder) -> None:
        """Return when `before` is certain to write no more; LeaseError when it is alive."""
        if before.ended or before.gone:
            return
        deadline = time.monotonic() + self._silence_s
        told = False
        while time.monotonic() < deadline:
            time.sleep(self._silence_s / BEATS / 4)
            now = holder(self._store)
            if now is None or now.generation != before.generation or now.beat != before.beat:
                if now is not None and not now.ended:
                    raise LeaseError(
                        f"{self._store.url}: another run is writing here ({now}); wait until it "
                        "has ended (d2b-ray status), stop it, or give this one another output.root"
                    )
                return
            if not told and time.monotonic() > deadline - self._silence_s * (1 - 2 / BEATS):
                told = True
                self._say(
                    f"{before} has not ended and shows no sign of life; taking over when it stays "
                    f"silent for {self._silence_s:.0f} s"
                )

    def _live(self) -> None:
        while not self._stop.wait(self._silence_s / BEATS):
            try:
                self.fence.check()
                self._beat()
            except LeaseError as error:
                self.lost = error
                return
            except StoreError as error:
                log.warning("no heartbeat: %s", error)

    def _beat(self, *, ended: bool = False) -> None:
        self._beats += 1
        try:
            self._last = self._progress()
        except RuntimeError:  # a table grew while it was read: the next beat will tell
            log.debug("progress was in motion")
        value = {"beat": self._beats, "ended": ended, "told": _now(), "run": dict(self._last)}
        self._store.write_json(Layout.beat(self.fence.generation), value)


def _newest(store: Store) -> int:
    return newest(store.list("lease/"))


def _facts(sweep: str) -> bytes:
    from d2b_ray.store.formats import json_bytes

    return json_bytes(
        {
            "sweep": sweep,
            "host": socket.gethostname(),
            "machine": _machine(),
            "process": os.getpid(),
            "born": _born(os.getpid()),
            "started": _now(),
        }
    )


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _machine() -> str:
    """What two processes share that see each other's numbers: this boot, this PID namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _born(process: int) -> str:
    """When a process of this machine began, in its own clock ticks; "" if it is not there."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[0] in "ZX" else words[19]
