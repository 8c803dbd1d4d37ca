"""Worker seconds and wall seconds that `d2b-ray plan` tells, against those of the run's trace.

Three runs: the demo from nothing; the demo with four more layers, whose plan knows
what the demo's units took; the same grid from nothing with 4,000 permutations. A JSON line each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERB = (sys.executable, "-m", "d2b_ray.cli")
WIDER = ("--set", "features.llm.layers=[1, 2, 3, 4, 5, 6, 7]")
RUNS = {
    "demo": ("one", ()),
    "demo, wider": ("one", WIDER),
    "wider, 4,000 permutations": ("two", (*WIDER, "--set", "significance.permutations=4000")),
}


def told(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*VERB, *arguments], cwd=folder, capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return done.stdout


def run(folder: Path, name: str) -> dict[str, object]:
    root, changes = RUNS[name]
    given = (str(ROOT / "jobs" / "demo.yaml"), "--set", f"output.root={root}", *changes)
    plan = json.loads(told(folder, "plan", *given, "--cpus", str(os.cpu_count()), "--json"))
    began = time.perf_counter()
    told(folder, "run", *given, "--trace", "trace.json")
    wall = time.perf_counter() - began
    took: Counter[str] = Counter()
    for event in json.loads((folder / "trace.json").read_text())["traceEvents"]:
        if event.get("ph") == "X":
            took[event["cat"]] += event["dur"] / 1e6
    expected = {
        unit["kind"]: round(unit["seconds"], 2) for unit in plan["units"] if unit["seconds"]
    }
    ratio = sum(took.values()) / sum(expected.values())
    return {
        "bench": "plan", "run": name, "plan_s": round(sum(expected.values()), 1),
        "units_s": round(sum(took.values()), 1), "ratio": round(ratio, 2),
        "plan_wall_s": round(plan["time"]["seconds"], 1), "run_wall_s": round(wall, 1),
        "plan_by_kind": expected, "units_by_kind": {kind: round(s, 2) for kind, s in took.items()},
        "measured": {kind: round(factor, 2) for kind, factor in plan["measured"].items()},
        "cpus": os.cpu_count(),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--within", type=float, default=1.5, help="largest ratio that passes")
    within = parser.parse_args().within
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told(folder, "demo-data", "demo/data")
        for title in RUNS:
            line = run(folder, title)
            print(json.dumps(line), flush=True)
            bad += not 1 / within <= float(str(line["ratio"])) <= within
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
