"""Writes the tables of results/README.md from the JSON lines beside it; --check: are they up to date?

scripts/bench/page [--check]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- made by scripts/bench/page -->", "<!-- to here -->"
PEERS = ("peer_seconds", "himalaya_seconds", "old_seconds", "today_seconds", "their_seconds")
HEADINGS = ("line", "bench", "shape", "seconds", "least to most", "floor", "peer", "times faster")


def shape_of(line: dict[str, Any]) -> str:
    """What differs from line to line of a shape, in short."""
    shape = line.get("shape") or {
        name: line[name]
        for name in ("run", "case", "way", "stage", "width", "voxels")
        if name in line
    }
    left_out = ("device", "budget_mb", "exact_voxels", "solver", "memory", "reference_voxels")
    return ", ".join(
        f"{name} {value}"
        for name, value in shape.items()
        if value is not None and name not in left_out
    )[:110]


def rows_of(path: Path) -> list[tuple[str, ...]]:
    """A row a line of a file."""
    rows = []
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        line = json.loads(text)
        seconds = line.get("seconds", line.get("our_seconds", line.get("simulated_seconds")))
        if seconds is None:
            continue  # parity and rates: prose has them
        extremes = (line.get("seconds_min"), line.get("seconds_max"))
        peer = next((line[name] for name in PEERS if line.get(name) is not None), None)
        floor = line.get("gemm_floor_seconds", line.get("floor_seconds"))
        rows.append(
            (
                str(number), line["bench"], shape_of(line), f"{seconds:g}",
                "" if None in extremes else f"{extremes[0]:g} to {extremes[1]:g}",
                "" if floor is None else f"{floor:g}", "" if peer is None else f"{peer:g}",
                f"{line['ratio']:g}" if peer is not None and "ratio" in line else "",
            )
        )  # fmt: skip
    return rows


def tables() -> str:
    """All files as Markdown."""
    told = []
    for path in sorted(RESULTS.glob("*.jsonl")):
        told += [
            f"`{path.name}`",
            "",
            "| " + " | ".join(HEADINGS) + " |",
            "| --- " * len(HEADINGS) + "|",
        ]
        told += ["| " + " | ".join(row) + " |" for row in rows_of(path)]
        told.append("")
    return "\n".join(told)


def main() -> None:
    """Write the tables, or say whether they are those of the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    wanted = parser.parse_args()
    page = RESULTS / "README.md"
    text = page.read_text()
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n## Every line\n\n{BEGIN}\n{END}\n"
    head, _, rest = text.partition(BEGIN)
    made = f"{head}{BEGIN}\n\n{tables()}\n{END}{rest.partition(END)[2]}"
    if wanted.check:
        sys.exit(
            0
            if made == page.read_text()
            else "results/README.md is older than its lines: scripts/bench/page"
        )
    page.write_text(made)


if __name__ == "__main__":
    main()
