"""What of a run is its start: `d2b-ray run jobs/demo.yaml` from the shell's view, the median of some runs.

Until the first unit begins (its record says when), until the last has ended, until the command has; and the
same command once all is done.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from turns import machine, spread

ROOT = Path(__file__).resolve().parents[2]
VERB = (sys.executable, "-m", "d2b_ray.cli")


def told(folder: Path, *arguments: str) -> float:
    """Seconds of a command."""
    began = time.perf_counter()
    subprocess.run(
        [*VERB, *arguments], cwd=folder, capture_output=True, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return time.perf_counter() - began


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--engine", default="ray")
    wanted = parser.parse_args()
    first, last, whole, again = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="d2b") as name:
        folder = Path(name)
        told(folder, "demo-data", "demo/data")
        for number in range(wanted.times):
            given = [str(ROOT / "jobs" / "demo.yaml"), "--set", f"output.root=r{number}"]
            began = time.time()
            whole.append(
                told(folder, "run", *given, "--engine", wanted.engine, "--trace", "trace.json")
            )
            events = json.loads((folder / "trace.json").read_text())["traceEvents"]
            spans = [event for event in events if event["ph"] == "X"]
            first.append(min(span["ts"] for span in spans) / 1e6 - began)
            last.append(max(span["ts"] + span["dur"] for span in spans) / 1e6 - began)
            again.append(told(folder, "run", *given, "--engine", wanted.engine))
    print(
        json.dumps(
            {
                "bench": "start",
                "machine": machine(),
                "shape": vars(wanted),
                **spread(whole),
                **spread(first, "first_unit_begins"),
                **spread(last, "last_unit_ended"),
                **spread(again, "finished_sweep_again"),
                "cpus": os.cpu_count(),
            }
        )
    )


if __name__ == "__main__":
    main()
