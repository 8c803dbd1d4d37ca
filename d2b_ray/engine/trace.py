"""What ran when and where, as a trace that Perfetto (ui.perfetto.dev) and chrome://tracing open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from d2b_ray.plan import Unit
    from d2b_ray.steps.task import Report

__all__ = ["Trace"]


class Trace:
    """Collects a span a try: a process a host, a track a worker."""

    def __init__(self) -> None:
        self._spans: list[dict[str, Any]] = []
        self._hosts: dict[str, int] = {}
        self._tracks: dict[tuple[str, int], int] = {}

    def add(self, unit: Unit, report: Report) -> None:
        """A try of `unit` that has ended."""
        host = self._hosts.setdefault(report.host, len(self._hosts) + 1)
        track = self._tracks.setdefault((report.host, report.process), len(self._tracks) + 1)
        self._spans.append(
            {
                "name": unit.label,
                "cat": unit.kind,
                "ph": "X",
                "ts": report.started * 1e6,  # microseconds
                "dur": report.seconds * 1e6,
                "pid": host,
                "tid": track,
                "args": {
                    "key": unit.key,
                    "attempt": report.attempt,
                    "device": report.device,
                    "failed": report.failure.error if report.failure else None,
                },
            }
        )

    def write(self, path: Path) -> None:
        """Write the Trace Event Format, JSON object form."""
        names = [
            {"name": "process_name", "ph": "M", "pid": number, "args": {"name": host}}
            for host, number in self._hosts.items()
        ]
        names += [
            {
                "name": "thread_name",
                "ph": "M",
                "pid": self._hosts[host],
                "tid": number,
                "args": {"name": f"worker, process {process}"},
            }
            for (host, process), number in self._tracks.items()
        ]
        text = json.dumps({"traceEvents": [*names, *self._spans], "displayTimeUnit": "ms"})
        path.write_text(text, encoding="utf-8")
