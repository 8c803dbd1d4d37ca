"""How well would a large cluster be used? The real `Control` on simulated workers and a simulated clock.

Units of the full study (six subjects, layers of several models, five annotations, some delays) run on
nodes with GPUs and CPU workers. Durations are those of a recorded trace (`d2b-ray run --trace`), drawn by
kind, or estimated from counted operations with 30 % spread. No value is computed and no ray is started.
"""

from __future__ import annotations

import argparse
import heapq
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from d2b_ray.plan import Unit
from d2b_ray.schedule.control import Control
from d2b_ray.schedule.events import Succeeded, WorkerView
from d2b_ray.schedule.lanes import Demand, shape_workers

# Seconds of one unit at real size: n 22,262, p 1,024, 88,000 voxels; fits, extraction on an H100-like GPU
SECONDS = {
    "extract": 120.0, "design": 6.0, "factorize": 4.0, "fit": 20.0, "null": 40.0, "commit": 15.0,
    "gather": 60.0,
}  # fmt: skip
BYTES = {"design": 123_000_000, "factorize": 135_000_000, "fit": 3_080_000_000}


def study(subjects: int, layers: int, annotations: int, delays: int, nulls: int) -> list[Unit]:
    """The units of the grid, needs first."""
    units: list[Unit] = []
    commits = []

    def unit(kind: str, key: str, needs: tuple[str, ...], subject: str | None = None) -> None:
        units.append(Unit(kind, key, {}, needs, key, subject=subject, model="m"))

    for a in range(annotations):
        unit("extract", f"x{a}", ())
        for place in range(layers * delays):
            name = f"{a}.{place}"
            unit("design", f"d{name}", (f"x{a}",))
            unit("factorize", f"a{name}", (f"d{name}",))
            for s in range(subjects):
                own = f"{name}.{s}"
                unit("fit", f"f{own}", (f"d{name}", f"a{name}"), f"S{s}")
                blocks = tuple(f"n{own}.{b}" for b in range(nulls))
                for block in blocks:
                    unit("null", block, (f"f{own}",), f"S{s}")
                unit("commit", f"c{own}", (f"f{own}", *blocks), f"S{s}")
                commits.append(f"c{own}")
    unit("gather", "g", tuple(commits))
    return units


def durations(trace: Path | None, units: list[Unit], seed: int) -> dict[str, float]:
    """Seconds of every unit: drawn from a trace by kind, or around `SECONDS`."""
    rng = np.random.default_rng(seed)
    recorded: dict[str, list[float]] = defaultdict(list)
    if trace:
        for event in json.loads(trace.read_text())["traceEvents"]:
            if event["ph"] == "X":
                recorded[event["cat"]].append(event["dur"] / 1e6)
    found = {}
    for unit in units:
        if recorded[unit.kind]:
            found[unit.key] = float(rng.choice(recorded[unit.kind]))
        else:
            found[unit.key] = SECONDS[unit.kind] * float(np.exp(0.3 * rng.standard_normal()))
    return found


class Cluster:
    """Simulated workers: who is busy until when, and how long each lane worked."""

    def __init__(self, control: Control, views: list[WorkerView], seconds: dict[str, float]):
        self.control, self.views, self.seconds = control, views, seconds
        self.idle = set(range(len(views)))
        self.ends: list[tuple[float, int, str]] = []
        self.now = 0.0
        self.switches = 0  # fits of another subject than the worker held
        self.busy: list[tuple[float, float, int]] = []  # from, to, worker

    def run(self) -> None:
        """Until nothing is left."""
        while True:
            self._fill()
            if not self.ends:
                return
            self.now, worker, key = heapq.heappop(self.ends)
            self.views[worker] = self.views[worker].after(self.control.units[key])
            self.idle.add(worker)
            self.control.handle(Succeeded(key))

    def _fill(self) -> None:
        nothing_for: set[frozenset[str]] = set()
        for worker in sorted(self.idle):
            kinds = self.views[worker].kinds
            if kinds in nothing_for:
                continue
            key = self.control.pick(self.views[worker])
            if key is None:
                nothing_for.add(kinds)
                continue
            unit = self.control.units[key]
            self.switches += unit.kind == "fit" and self.views[worker].subject != unit.subject
            self.idle.discard(worker)
            end = self.now + self.seconds[key]
            self.busy.append((self.now, end, worker))
            heapq.heappush(self.ends, (end, worker, key))


def utilisation(
    busy: list[tuple[float, float, int]], workers: set[int], span: tuple[float, float]
) -> float:
    """Share of worker seconds in use between two times."""
    low, high = span
    used = sum(max(0.0, min(end, high) - max(start, low)) for start, end, w in busy if w in workers)
    return used / ((high - low) * len(workers))


def main() -> None:
    """Simulate and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--gpus", type=int, default=8, help="a node")
    parser.add_argument("--cpus", type=int, default=96, help="a node")
    parser.add_argument("--object-store-gb", type=float, default=300, help="a node")
    parser.add_argument("--subjects", type=int, default=6)
    parser.add_argument("--layers", type=int, default=115)
    parser.add_argument("--annotations", type=int, default=5)
    parser.add_argument("--delays", type=int, default=6)
    parser.add_argument("--nulls", type=int, default=4)
    parser.add_argument("--trace", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    units = study(wanted.subjects, wanted.layers, wanted.annotations, wanted.delays, wanted.nulls)
    seconds = durations(wanted.trace, units, wanted.seed)
    done = {unit.key for unit in units if unit.kind == "extract"}  # features lie ready
    control = Control(
        units,
        done=done,
        value_bytes={u.key: BYTES[u.kind] for u in units if u.kind in BYTES},
        capacity_bytes=wanted.nodes * wanted.object_store_gb * 1e9,
    )
    node = {"CPU": wanted.cpus, "GPU": wanted.gpus}
    shapes = shape_workers([node] * wanted.nodes, Demand(gpus=1.0))
    views = [WorkerView(shape.kinds) for shape in shapes]
    cluster = Cluster(control, views, seconds)
    began = time.perf_counter()
    cluster.run()
    wall = time.perf_counter() - began
    gpus = {number for number, shape in enumerate(shapes) if shape.num_gpus}
    fits = [key for key in control.units if control.units[key].kind == "fit"]
    starts = sorted(start for start, _, worker in cluster.busy if worker in gpus)
    full = starts[len(gpus) - 1]  # every GPU has had its first unit
    last = starts[-len(gpus)] if len(starts) > 2 * len(gpus) else starts[-1]  # the queue is empty
    print(
        json.dumps(
            {
                "bench": "scheduling",
                "shape": {k: str(v) if k == "trace" else v for k, v in vars(wanted).items()},
                "units": len(units) - len(done),
                "fits": len(fits),
                "workers": len(shapes),
                "gpus": len(gpus),
                "switches_of_subject_a_gpu": round(cluster.switches / len(gpus), 2),
                "simulated_seconds": round(cluster.now, 1),
                "steady_seconds": [round(full, 1), round(last, 1)],
                "gpu_utilisation_steady": round(utilisation(cluster.busy, gpus, (full, last)), 4),
                "gpu_utilisation_whole": round(
                    utilisation(cluster.busy, gpus, (0.0, cluster.now)), 4
                ),
                "control_ms_per_unit": round(1000 * wall / (len(units) - len(done)), 4),
            }
        )
    )


if __name__ == "__main__":
    main()
