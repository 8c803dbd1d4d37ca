"""What the engine costs: driver time a unit, resuming a large sweep, memory of workers, waiting workers.

A real sweep of many tiny units on a cluster of this machine. One JSON line.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from problems import tiny_sweep, write_tiny

from d2b_ray.engine.on_ray.environment import set_ray_environment
from d2b_ray.engine.session import run_sweep

if TYPE_CHECKING:
    from d2b_ray.spec import Sweep

UNITS_A_DELAY = 48  # 2 annotations x 3 layers x (design, factorize, 2 x (fit, null, commit))
ARRAY_BYTES = 400_000_000


class Watcher:
    """Notes how many units were ready, and the driver's memory, at every event."""

    def __init__(self) -> None:
        self.ready: list[tuple[float, int]] = []
        self.memory_mb: list[float] = []
        self._last = 0.0

    def progressed(self, sweep_run: Any) -> None:
        """An event."""
        now = time.time()
        self.ready.append((now, sweep_run.control.pending("ready")))
        if now - self._last > 1:
            self._last = now
            status = Path("/proc/self/status").read_text()
            self.memory_mb.append(int(status.split("VmRSS:")[1].split()[0]) / 1000)

    def message(self, line: str) -> None:
        """Nobody reads."""


def sweep_of(units: int, root: Path, out: Path) -> Sweep:
    """About `units` units: the tiny sweep with many windows of delays."""
    count = max(1, round(units / UNITS_A_DELAY))
    starts = range(1, count + 1)
    fits = [f"{{kind: ridge, features: llm, delays: {{start: {s}, end: {s + 1}}}}}" for s in starts]
    return tiny_sweep(
        root, out, f"fits=[{', '.join(fits)}]", "features.llm.layers=all",
        "significance.permutations=20", "output.save=[scores]",
    )  # fmt: skip


def waiting_share(trace: Path, ready: list[tuple[float, int]]) -> float:
    """Share of worker seconds in which a worker was free although a unit was ready."""
    spans: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for event in json.loads(trace.read_text())["traceEvents"]:
        if event["ph"] == "X":
            begin = event["ts"] / 1e6
            spans.setdefault((event["pid"], event["tid"]), []).append(
                (begin, begin + event["dur"] / 1e6)
            )
    times = np.array([t for t, _ in ready])
    open_ = np.array([n > 0 for _, n in ready])
    first = min(begin for own in spans.values() for begin, _ in own)
    last = max(end for own in spans.values() for _, end in own)
    waited = 0.0
    for own in spans.values():
        own.sort()
        for (_, end), (begin, _) in itertools.pairwise(own):
            inside = np.clip(times, end, begin)
            held = np.append(inside[1:], begin) - inside
            waited += float(held[open_].sum())
    return waited / ((last - first) * len(spans))


def extra_memory() -> float:
    """Private memory that a worker gains by reading a design of 400 MB, as a share of it."""
    import ray

    def private() -> int:
        rows = Path("/proc/self/smaps_rollup").read_text().splitlines()
        return sum(int(r.split()[1]) * 1024 for r in rows if r.startswith("Private_Dirty"))

    def read(design: np.ndarray) -> int:
        before = private()
        total = float(design.sum(dtype=np.float64))
        assert total == len(design)
        return private() - before

    value = ray.put(np.ones(ARRAY_BYTES // 4, np.float32))
    task = ray.remote(read)
    ray.get(task.remote(ray.put(np.ones(0, np.float32))))  # libraries are loaded
    return max(ray.get([task.remote(value) for _ in range(2)])) / ARRAY_BYTES


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    wanted = parser.parse_args()
    set_ray_environment(None)
    import ray

    with tempfile.TemporaryDirectory(prefix="d2b") as folder:
        root = write_tiny(Path(folder) / "data", voxels=4)
        sweep = sweep_of(wanted.units, root, Path(folder) / "out")
        ray.init(num_cpus=wanted.workers, include_dashboard=False, log_to_driver=False)
        watcher, trace = Watcher(), Path(folder) / "trace.json"
        thread, began = time.thread_time(), time.perf_counter()
        summary = run_sweep(sweep, watcher, trace=trace)
        wall, thread = time.perf_counter() - began, time.thread_time() - thread
        assert summary.ok, summary
        units = sum(summary.executed.values())
        extra = extra_memory()
        ray.shutdown()
        began = time.perf_counter()
        again = run_sweep(sweep, Watcher())
        resume = time.perf_counter() - began
        assert not again.executed
        memory = watcher.memory_mb
        print(
            json.dumps(
                {
                    "bench": "engine",
                    "shape": vars(wanted),
                    "units": units,
                    "seconds": round(wall, 1),
                    "driver_ms_per_unit": round(1000 * thread / units, 3),
                    "resume_seconds": round(resume, 2),
                    "waiting_share": round(waiting_share(trace, watcher.ready), 4),
                    "worker_extra_memory_share": round(extra, 4),
                    "driver_memory_mb_at_tenth_half_end": [
                        round(memory[len(memory) // 10]),
                        round(memory[len(memory) // 2]),
                        round(memory[-1]),
                    ],
                    "driver_peak_mb": round(
                        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
                    ),
                }
            )
        )


if __name__ == "__main__":
    main()
