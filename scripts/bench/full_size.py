"""One subject of the paper's size through the Ray engine of this machine: time, reads, memory of workers.

Made data: float16 responses of which each tenth voxel is driven by the first feature set, features that lie
ready. Memory of a worker is what is its own (anonymous pages), without what it maps and shares.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from turns import machine

from d2b_ray.engine.on_ray.environment import set_ray_environment
from d2b_ray.engine.session import run_sweep
from d2b_ray.spec import parse
from d2b_ray.store import Layout

RUN_S = 600
DRIVEN = 10  # each tenth voxel

SWEEP = """
name: full_size
dataset: {{layout: arrays, root: {root}}}
features:
{features}
fits:
{fits}
significance: {{permutations: {permutations}}}
output: {{root: {out}, save: [scores, pvalues]}}
resources: {{responses: {{folder: {responses}}}}}
"""


def lengths(samples: int) -> list[int]:
    """Runs of RUN_S seconds, the last with what is left."""
    return [RUN_S] * (samples // RUN_S) + ([samples % RUN_S] if samples % RUN_S else [])


def write_data(root: Path, wanted: argparse.Namespace) -> None:
    """Run table, features of each width, responses of one subject."""
    rng = np.random.default_rng(0)
    rows = [(s, "TRAIN") for s in lengths(wanted.train)]
    rows += [(s, "VALID") for s in lengths(wanted.valid)]
    trained = len(lengths(wanted.train))
    lines = ["title,part,seconds,overlap,split_all,split_a,split_b,cv_group"]
    weights = rng.standard_normal((wanted.widths[0], wanted.voxels // DRIVEN + 1), np.float32)
    weights /= np.sqrt(wanted.widths[0])
    (root / "responses" / "S1").mkdir(parents=True)
    for number, (seconds, role) in enumerate(rows, start=1):
        group = min(4 * number // max(1, trained), 3)
        lines.append(f"Play,{number},{seconds},0,{role},,,{group}")
        y = rng.standard_normal((seconds, wanted.voxels), np.float32)
        for place, width in enumerate(wanted.widths):
            x = rng.standard_normal((seconds, width), np.float32)
            feature = {"modality": "semantic", "annotation": "story", "window": 1, "tokens": "avg",
                       "annotators": "ALL", "model": f"W{width}"}  # fmt: skip
            path = root / Layout.feature(feature, 1, f"Play_{number:03d}")
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, x)
            if place == 0:
                y[3:, ::DRIVEN] += (x[:-3] @ weights)[:, : y[:, ::DRIVEN].shape[1]]
        np.save(root / "responses" / "S1" / f"Play_{number:03d}.npy", y.astype(np.float16))
    (root / "runs.csv").write_text("\n".join(lines) + "\n")


class Memory(threading.Thread):
    """The most that each worker had of its own, and that all processes shared, looked at twice a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.anonymous: dict[int, int] = defaultdict(int)
        self.shared = 0
        self.ended = threading.Event()

    def run(self) -> None:
        """Until told to end."""
        while not self.ended.wait(0.5):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    command = (folder / "cmdline").read_bytes()
                    if not command.startswith(b"ray::"):
                        continue
                    status = (folder / "status").read_text()
                except OSError:
                    continue
                anonymous = int(status.split("RssAnon:")[1].split()[0])
                self.anonymous[int(folder.name)] = max(self.anonymous[int(folder.name)], anonymous)
            used = shutil.disk_usage("/dev/shm").used
            self.shared = max(self.shared, used)


class Told:
    """Prints what a run says."""

    def progressed(self, sweep_run: Any) -> None:
        """An event."""

    def message(self, line: str) -> None:
        """A line, with the time."""
        print(f"# {time.strftime('%H:%M:%S')} {line}", flush=True)


def by_kind(trace: Path) -> dict[str, float]:
    """Worker seconds by kind of unit."""
    found: Counter[str] = Counter()
    for event in json.loads(trace.read_text())["traceEvents"]:
        if event["ph"] == "X":
            found[event["cat"]] += event["dur"] / 1e6
    return {kind: round(seconds, 1) for kind, seconds in sorted(found.items())}


def main() -> None:
    """Make, run, measure, remove; one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voxels", type=int, default=88_000)
    parser.add_argument("--train", type=int, default=22_262)
    parser.add_argument("--valid", type=int, default=7_737)
    parser.add_argument("--widths", type=int, nargs="+", default=[768, 4096])
    parser.add_argument("--alphas", type=int, default=25)
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=None)
    wanted = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="d2b-full-", dir=wanted.folder))
    del wanted.folder
    try:
        print(json.dumps(measured(folder, wanted)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measured(folder: Path, wanted: argparse.Namespace) -> dict[str, Any]:
    """The figures."""
    began = time.monotonic()
    write_data(folder / "data", wanted)
    made = time.monotonic() - began
    features = "\n".join(
        f"  w{w}: {{modality: semantic, annotation: story, model: W{w}, layers: 1}}"
        for w in wanted.widths
    )
    alphas = f"{{start_log10: -2, stop_log10: 6, count: {wanted.alphas}}}"
    fits = "\n".join(
        f"  - {{kind: ridge, features: w{w}, delays: {{start: 3, end: 3}}, alphas: {alphas}}}"
        for w in wanted.widths
    )
    sweep = parse(
        SWEEP.format(
            root=folder / "data", out=folder / "out", responses=folder / "responses",
            features=features, fits=fits, permutations=wanted.permutations,
        )
    )  # fmt: skip
    set_ray_environment(None)
    memory = Memory()
    memory.start()
    began = time.monotonic()
    summary = run_sweep(sweep, Told(), trace=folder / "trace.json")
    wall = time.monotonic() - began
    memory.ended.set()
    assert summary.ok, summary.failed
    rows = wanted.train + wanted.valid
    return {
        "bench": "full_size",
        "machine": machine(),
        "shape": vars(wanted),
        "making_data_seconds": round(made, 1),
        "seconds": round(wall, 1),
        "worker_seconds": by_kind(folder / "trace.json"),
        "units": summary.executed,
        "responses_gb": round(4e-9 * rows * wanted.voxels, 2),
        "mapped_files": len(list((folder / "responses").glob("*.bad.npy"))),
        "workers_own_memory_gb": sorted(round(kb / 1e6, 2) for kb in memory.anonymous.values()),
        "object_store_gb": round(memory.shared / 1e9, 2),
    }


if __name__ == "__main__":
    main()
