"""Counters that Prometheus can scrape from the cluster, as `ray_d2b_...`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from d2b_ray.schedule.control import Control
    from d2b_ray.steps.task import Report

__all__ = ["Meters"]
SECONDS = [0.1, 1.0, 10.0, 60.0, 600.0, 3600.0]


class Meters:
    """Units ended by kind and outcome, their seconds, and units left; labelled with the sweep.

    `metrics` is the module `ray.util.metrics`.
    """

    def __init__(self, metrics: Any, sweep: str) -> None:
        self._sweep = sweep
        self._ended = metrics.Counter(
            "d2b_units_ended", description="Tries of units that ended", tag_keys=("sweep", "kind", "outcome")
        )  # fmt: skip
        self._seconds = metrics.Histogram(
            "d2b_unit_seconds", description="Seconds of a try", boundaries=SECONDS, tag_keys=("sweep", "kind")
        )  # fmt: skip
        self._left = metrics.Gauge(
            "d2b_units_left", description="Units that have not ended", tag_keys=("sweep",)
        )

    def ended(self, kind: str, report: Report) -> None:
        """A try has sent its report."""
        outcome = "done" if report.failure is None else report.failure.fault
        self._ended.inc(tags={"sweep": self._sweep, "kind": kind, "outcome": outcome})
        self._seconds.observe(max(report.seconds, 1e-6), tags={"sweep": self._sweep, "kind": kind})

    def broke(self, kind: str, fault: str) -> None:
        """A try has ended without a report."""
        self._ended.inc(tags={"sweep": self._sweep, "kind": kind, "outcome": fault})

    def left(self, control: Control) -> None:
        """How much is still to do."""
        left = sum(control.pending(state) for state in ("waiting", "ready", "running"))
        self._left.set(left, tags={"sweep": self._sweep})
