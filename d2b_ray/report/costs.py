"""What a sweep took: when, where, how long and how many bytes, from the records of its units.

The one part of the page that is of the run and not of the sweep: it differs where all numbers are the same.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["cost_rows", "when_and_where"]


def cost_rows(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a kind of work, host and device: units, hours of workers, bytes written.

    Fits are told by the commits that hold them. Designs, factorizations and permutations leave no record.
    """
    found: dict[tuple[str, str, str], dict[str, Any]] = {}

    def add(kind: str, host: str, device: str, seconds: float, size: int) -> None:
        key = (kind, host, device)
        row = found.setdefault(key, dict(zip(("kind", "host", "device"), key, strict=True)))
        for name, value in (("units", 1), ("hours", seconds / 3600), ("bytes", size)):
            row[name] = row.get(name, 0) + value

    for record in records:
        extra = record.get("extra") or {}
        if extra.get("fit_seconds") is not None:
            fit_device = str(extra.get("fit_device") or "")
            add("fit", str(extra.get("fit_host") or ""), fit_device, extra["fit_seconds"], 0)
        device = str(record["device"]).partition(":")[0]
        add(record["kind"], record["host"], device, record["seconds"], record["bytes"])
    return sorted(found.values(), key=lambda row: (-row["hours"], row["kind"], row["host"]))


def when_and_where(records: Sequence[Mapping[str, Any]]) -> str:
    """One sentence: from when to when, in how many hours of workers; "" without a record."""
    if not records:
        return ""
    first = min(record["started"] for record in records)
    last = max(record["started"] + record["seconds"] for record in records)
    hosts = len({record["host"] for record in records})
    hours = sum(row["hours"] for row in cost_rows(records))
    size = sum(record["bytes"] for record in records)
    begun, ended = (time.strftime("%Y-%m-%d %H:%M", time.gmtime(one)) for one in (first, last))
    machines = "one machine" if hosts == 1 else f"{hosts} machines"
    return (
        f"Computed {begun} to {ended} UTC on {machines}: {hours:.2f} hours of workers (designs, "
        f"factorizations and permutations not counted), {size / 1e6:,.1f} MB written."
    )
