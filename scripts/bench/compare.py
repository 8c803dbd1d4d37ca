"""What became slower or faster between two files of JSON lines; exit status 1 if anything is slower.

    scripts/bench/compare OLD.jsonl NEW.jsonl [--within 1.1]

A line a bench and shape: of several lines of one bench and shape in a file the last counts.
Compared are ratios to the peer where both
lines have one (another machine changes both sides alike), else seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def lines_of(path: Path) -> dict[str, dict[str, Any]]:
    """The last line of each bench and shape, by both in words."""
    found = {}
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
            shape = line.get("shape", line.get("run", ""))
            key = f"{line['bench']} {json.dumps(shape, sort_keys=True)}"
        except (ValueError, KeyError, AttributeError) as error:
            raise SystemExit(f"{path}:{number}: is no line of a bench ({error})") from None
        found[key] = line
    return found


def change(old: dict[str, Any], new: dict[str, Any]) -> tuple[str, float] | None:
    """What is compared, and how many times faster the new line is; None without a common measure."""
    for name, better in (("ratio", 1), ("seconds", -1)):
        if old.get(name) and new.get(name) and old["bench"] != "plan":
            return name, (new[name] / old[name]) ** better
    return None


def compared(old: Path, new: Path, within: float) -> tuple[list[str], int]:
    """A line of text a bench that both files have, the slowest first, and how many became slower."""
    before, after = lines_of(old), lines_of(new)
    rows = []
    for key in before.keys() & after.keys():
        found = change(before[key], after[key])
        if found is not None:
            name, times = found
            rows.append((times, key, name, before[key][name], after[key][name]))
    told, slower = [], 0
    for times, key, name, was, now in sorted(rows):
        word = "slower" if times < 1 / within else "faster" if times > within else "as before"
        slower += word == "slower"
        told.append(f"{word:9} {times:6.2f}  {name} {was} -> {now}  {key}")
    for key in sorted(before.keys() - after.keys()):
        told.append(f"{'gone':9}         {key}")
    for key in sorted(after.keys() - before.keys()):
        told.append(f"{'new':9}         {key}")
    return told, slower


def main() -> None:
    """Print what changed; exit status 1 if a bench became slower."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument(
        "--within", type=float, default=1.1, help="factor that is told as no change"
    )
    wanted = parser.parse_args()
    told, slower = compared(wanted.old, wanted.new, wanted.within)
    print("\n".join(told) or "no bench is in both")
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main()
