"""How well would a large cluster be used? The real `Control` on simulated workers and a simulated clock.

Units of the full study (six subjects, layers of several models, five annotations, some delays) run on
nodes with GPUs and CPU workers. Durations are those of a recorded trace (`d2b-ray run --trace`), drawn by
kind, or those that `gpu` and `full_size` measured, with 30 % spread. Loads are charged: a node reads a
subject's files once, by a CPU worker ahead of the fits where there is one, else by the first that needs
them, while others wait; and a GPU moves responses that it does not hold any more.
No value is computed and no ray is started.
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

# Seconds of a unit at real size (n 22,262, 88,000 voxels, p 768 to 4,096); on an H100 a fit draws its null
SECONDS = {
    "extract": 120.0, "design": 6.0, "factorize": 2.8, "fit": 2.7, "null": 0.005, "commit": 3.0,
    "gather": 60.0,
}  # fmt: skip
# On CPUs alone nulls are units of weight: `--fit-s 20 --null-s 40`
BYTES = {"design": 290_000_000, "factorize": 520_000_000, "fit": 2_720_000_000}
DRAWN_BYTES = 5_000_000  # of a fit whose predictions stayed on its GPU
UNPACK_S = (
    550.0  # CPU seconds of a subject's MATLAB files of training runs, validation beside; by up to
)
MOST_THREADS = 23  # the chunks of a run
KEEP_S = 17.6  # 7.8 GB copied, looked through and written, on the disk of a machine with two cores
MOVE_S = 1.8  # 10.6 GB to a GPU
HELD = 6  # subjects of 10.6 GB that a GPU of 80 GB has room for, beside a fit of width 4,096 (4 GB)


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


def durations(
    trace: Path | None, units: list[Unit], seed: int, means: dict[str, float]
) -> dict[str, float]:
    """Seconds of every unit: drawn from a trace by kind, or around `means`."""
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
            found[unit.key] = means[unit.kind] * float(np.exp(0.3 * rng.standard_normal()))
    return found


class Loads:
    """What a fit waits for: its node's reading of the subject, its GPU's copy. Charged when it begins."""

    def __init__(self, nodes: list[int], read_s: float, move_s: float, held: int):
        self.nodes, self.read_s, self.move_s, self.most = nodes, read_s, move_s, held
        self.there: dict[tuple[int, str], float] = {}  # node and subject -> when it has been read
        self.held: dict[int, list[str]] = defaultdict(list)
        self.moves = self.reads = 0

    def read(self, worker: int, subject: str, now: float) -> float:
        """When a subject will have been read on the node of a worker, which begins to if need be."""
        key = self.nodes[worker], subject
        if key not in self.there:
            self.there[key] = now + self.read_s
            self.reads += 1
        return self.there[key]

    def before(self, worker: int, unit: Unit, now: float) -> float:
        """Seconds that the worker spends on loading, or waiting for what another loads."""
        if unit.kind != "fit" or unit.subject is None:
            return 0.0
        wait = max(0.0, self.read(worker, unit.subject, now) - now)
        own = self.held[worker]
        if unit.subject in own:
            own.remove(unit.subject)
        else:
            wait += self.move_s
            self.moves += 1
        own.append(unit.subject)
        del own[: -self.most]
        return wait


class Cluster:
    """Simulated workers: who is busy until when, and how long each lane worked."""

    def __init__(
        self,
        control: Control,
        views: list[WorkerView],
        seconds: dict[str, float],
        loads: Loads | None = None,
        drawn_bytes: int = 0,
    ):
        self.control, self.views, self.seconds = control, views, seconds
        self.loads, self.drawn_bytes = loads, drawn_bytes
        self.loading: list[tuple[float, float, int]] = []  # from, to, worker
        self.idle = set(range(len(views)))
        self.ends: list[tuple[float, int, str]] = []
        self.ahead: dict[int, str] = {}  # worker -> the subject that it reads for others
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
            if not key:
                reading = self.control.placement.reading
                reading.ended(self.ahead.pop(worker), self.views[worker].host)
                self.idle.add(worker)
                continue
            self.views[worker] = self.views[worker].after(self.control.units[key])
            self.idle.add(worker)
            if self.drawn_bytes and self.control.units[key].kind == "fit":
                self.control.memory.learn(key, self.drawn_bytes)
            self.control.handle(Succeeded(key, worker, self.views[worker].host))

    def _fill(self) -> None:
        nothing_for: set[tuple[frozenset[str], str]] = set()
        for worker in sorted(self.idle):
            kinds = self.views[worker].kinds
            if (kinds, self.views[worker].host) in nothing_for or self._reads(worker, idle=False):
                continue
            key = self.control.pick(self.views[worker])
            if key is None:
                if not self._reads(worker, idle=True):
                    nothing_for.add((kinds, self.views[worker].host))
                continue
            unit = self.control.units[key]
            self.switches += unit.kind == "fit" and self.views[worker].subject != unit.subject
            self.idle.discard(worker)
            start = self.now + (self.loads.before(worker, unit, self.now) if self.loads else 0.0)
            if start > self.now:
                self.loading.append((self.now, start, worker))
            end = start + self.seconds[key]
            self.busy.append((start, end, worker))
            heapq.heappush(self.ends, (end, worker, key))

    def _reads(self, worker: int, *, idle: bool) -> bool:
        """Whether a worker has begun to read for those of its node that fit."""
        if self.loads is None:
            return False
        subject = self.control.to_read(self.views[worker], idle=idle)
        if subject is None:
            return False
        self.idle.discard(worker)
        self.ahead[worker] = subject
        heapq.heappush(self.ends, (self.loads.read(worker, subject, self.now), worker, ""))
        return True


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
    parser.add_argument("--fit-s", type=float, default=SECONDS["fit"])
    parser.add_argument("--null-s", type=float, default=SECONDS["null"])
    parser.add_argument(
        "--read-s", type=float, default=None, help="a subject, once a node; by its cores"
    )
    parser.add_argument("--move-s", type=float, default=MOVE_S, help="a subject, to a GPU")
    parser.add_argument("--held", type=int, default=HELD, help="subjects on a GPU")
    wanted = parser.parse_args()
    units = study(wanted.subjects, wanted.layers, wanted.annotations, wanted.delays, wanted.nulls)
    means = SECONDS | {"fit": wanted.fit_s, "null": wanted.null_s}
    seconds = durations(wanted.trace, units, wanted.seed, means)
    done = {unit.key for unit in units if unit.kind == "extract"}  # features lie ready
    control = Control(
        units,
        done=done,
        value_bytes={u.key: BYTES[u.kind] for u in units if u.kind in BYTES},
        capacity_bytes=wanted.object_store_gb * 1e9,
    )
    node = {"CPU": wanted.cpus, "GPU": wanted.gpus}
    shapes = shape_workers([node] * wanted.nodes, Demand(gpus=1.0))
    with_gpu = sum(1 for shape in shapes if shape.num_gpus)
    nodes = [
        n // wanted.gpus if n < with_gpu else (n - with_gpu) % wanted.nodes
        for n in range(len(shapes))
    ]
    views = [
        WorkerView(shape.kinds, host=f"node{node}", number=n)
        for n, (shape, node) in enumerate(zip(shapes, nodes, strict=True))
    ]
    read_s = wanted.read_s or KEEP_S + UNPACK_S / min(MOST_THREADS, wanted.cpus)
    loads = Loads(nodes, read_s, wanted.move_s, wanted.held)
    drawn = DRAWN_BYTES if wanted.null_s < 1 else 0
    cluster = Cluster(control, views, seconds, loads, drawn)
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
                "moves_a_gpu_and_subject": round(loads.moves / (len(gpus) * wanted.subjects), 2),
                "reads_a_node_and_subject": round(
                    loads.reads / (wanted.nodes * wanted.subjects), 2
                ),
                "simulated_seconds": round(cluster.now, 1),
                "steady_seconds": [round(full, 1), round(last, 1)],
                "gpu_utilisation_steady": round(utilisation(cluster.busy, gpus, (full, last)), 4),
                "gpu_utilisation_whole": round(
                    utilisation(cluster.busy, gpus, (0.0, cluster.now)), 4
                ),
                "gpu_loading_whole": round(
                    utilisation(cluster.loading, gpus, (0.0, cluster.now)), 4
                ),
                "control_ms_per_unit": round(1000 * wall / (len(units) - len(done)), 4),
            }
        )
    )


if __name__ == "__main__":
    main()
