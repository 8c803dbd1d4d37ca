"""Mutated inputs of all kinds through the command line: so many, by a seed. Status 1 if any is wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("fuzz", "features", "")]


def main() -> int:
    """Print what is wrong, and how calls ended."""
    from harness import media_workshop, trials, workshop
    from media_mutations import MEDIA_CASES
    from mutations import CASES

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--media", action="store_true", help="media and models instead of the rest")
    wanted = parser.parse_args()
    statuses: Counter[int] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="d2b-fuzz-") as folder:
        make, cases = (media_workshop, MEDIA_CASES) if wanted.media else (workshop, CASES)
        shop = make(Path(folder))
        for case, number, found, why in trials(cases, shop, wanted.count, wanted.seed):
            statuses[found.status] += 1
            if why:
                wrong += 1
                print(f"{number} {case.name}: {why}", flush=True)
    told = ", ".join(f"{count} with status {status}" for status, count in sorted(statuses.items()))
    print(f"{wanted.count} inputs: {told}; {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
