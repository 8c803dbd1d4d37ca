"""A plan and its cost as rows of text, for `d2b-ray plan`. Drawing them is left to the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.plan.estimate import Estimate
    from d2b_ray.plan.units import Plan

__all__ = ["HEADINGS", "bytes_text", "duration_text", "rows", "summary"]

HEADINGS = ("unit", "count", "done", "to do", "worker time", "to write")


def rows(estimates: Sequence[Estimate]) -> list[tuple[str, ...]]:
    """One row a kind under `HEADINGS`, and a last row with the totals."""
    table = [_row(e.kind, e.units, e.done, e.seconds, e.bytes) for e in estimates]
    total = _row(
        "all",
        sum(e.units for e in estimates),
        sum(e.done for e in estimates),
        sum(e.seconds for e in estimates),
        sum(e.bytes for e in estimates),
    )
    return [*table, total]


def summary(plan: Plan) -> str:
    """One line: fits, subjects, models, repeats removed."""
    fits = plan.of("fit")
    subjects = {unit.subject for unit in fits}
    models = {unit.model for unit in fits}
    line = f"{_count(len(fits), 'fit')} of {_count(len(models), 'model')} "
    line += f"to {_count(len(subjects), 'subject')}"
    return f"{line}; {_count(plan.repeats, 'repeat')} removed" if plan.repeats else line


def duration_text(seconds: float) -> str:
    """`0.3 s`, `12 s`, `4 min`, `3.5 h`, `2.1 d`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 72 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} d"


def bytes_text(size: float) -> str:
    """Decimal units: `0 B`, `1.5 MB`, `7.8 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _row(kind: str, units: int, done: int, seconds: float, size: int) -> tuple[str, ...]:
    left = units - done
    return (kind, f"{units:,}", f"{done:,}", f"{left:,}", duration_text(seconds), bytes_text(size))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
