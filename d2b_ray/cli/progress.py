"""What a person sees during long work: a live display in a terminal, timed lines elsewhere.

Both say the same: phases, units done of all, rate, time left, failures.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from d2b_ray.cli.underway import Underway
from d2b_ray.plan import KINDS, Kind

if TYPE_CHECKING:
    from rich.progress import TaskID

    from d2b_ray.engine.sweep_run import SweepRun

__all__ = ["LiveProgress", "PlainProgress", "progress_for"]

EVERY_S = 10.0
PHASES: dict[Kind, str] = {
    "shard": "shards",
    "extract": "features",
    "design": "designs",
    "factorize": "factorizations",
    "fit": "fits",
    "null": "null blocks",
    "bootstrap": "intervals",
    "ceiling": "ceilings",
    "commit": "results",
    "compare": "comparisons",
    "generalise": "titles and others",
    "weights": "components of weights",
    "gather": "report",
}


@dataclass(frozen=True, slots=True)
class Count:
    """Units of one kind: done now, failed or skipped, wanted in this run."""

    done: int
    bad: int
    total: int


def counts(sweep_run: SweepRun) -> dict[Kind, Count]:
    """Units of this run by kind; kinds with nothing to do are left out."""
    table = sweep_run.control.counts()
    found: dict[Kind, Count] = {}
    for kind in KINDS:
        done = sweep_run.executed.get(kind, 0)
        bad = table[kind, "failed"] + table[kind, "skipped"]
        left = sum(table[kind, s] for s in ("waiting", "ready", "running"))
        if done + bad + left:
            found[kind] = Count(min(done, done + left), bad, done + bad + left)
    return found


def clock(seconds: float) -> str:
    """`42 s`, `3 min 05 s` or `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class PlainProgress:
    """One timed line every ten seconds, and at once for what a person should read."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.began = time.monotonic()
        self._last = self.began
        self._underway = Underway()

    def message(self, line: str) -> None:
        """Write a line with the time since the start."""
        self.out.write(f"[{time.monotonic() - self.began:7.1f} s] {line}\n")
        self.out.flush()

    def progressed(self, sweep_run: SweepRun) -> None:
        """Write how far the run is, if ten seconds have passed."""
        now = time.monotonic()
        running = self._underway.look(sweep_run)
        if now - self._last < EVERY_S and not sweep_run.control.finished:
            return
        self._last = now
        phases = ", ".join(
            f"{PHASES[kind]} {c.done}/{c.total}" + (f" ({c.bad} not)" if c.bad else "")
            for kind, c in counts(sweep_run).items()
        )
        left = sweep_run.seconds_left()
        ending = f"; about {clock(left)} left" if left is not None and left >= 1 else ""
        words = self._underway.words(running, clock)
        ending += f"; {words}" if words else ""
        self.message(phases + f"; {sweep_run.rate():.1f} units/s" + ending)

    def close(self) -> None:
        """Nothing to put away."""


class LiveProgress:
    """Bars in a terminal, one a phase."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._bars = Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._tasks: dict[str, TaskID] = {}
        self._underway = Underway()
        self._bars.start()

    def message(self, line: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(line, markup=False, highlight=False)

    def progressed(self, sweep_run: SweepRun) -> None:
        """Move the bars."""
        found = counts(sweep_run)
        left = sweep_run.seconds_left()
        note = f"{sweep_run.rate():.1f} units/s"
        if left is not None and left >= 1:
            note += f", about {clock(left)} left"
        running = self._underway.look(sweep_run)
        for kind, count in found.items():
            begun = sum(work.share for work in running if work.kind == kind)
            if kind not in self._tasks:
                self._tasks[kind] = self._bars.add_task(PHASES[kind], total=count.total, note="")
            bad = f"{count.bad} failed or skipped" if count.bad else ""
            self._bars.update(
                self._tasks[kind],
                completed=min(count.done + count.bad + begun, count.total),
                total=count.total,
                note=bad,
            )
        if found:
            last = self._tasks[list(found)[-1]]
            words = self._underway.words(running, clock)
            self._bars.update(last, note=f"{note}; {words}" if words else note)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._bars.stop()


def progress_for(out: TextIO) -> PlainProgress | LiveProgress:
    """Bars for a terminal, lines for everything else."""
    return LiveProgress() if out.isatty() else PlainProgress(out)
