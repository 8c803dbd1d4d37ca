"""The Ray cluster that these tests share, and the drill that its workers are under."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from drill import Drill, drilled
from nodes import Nodes
from problems import Quiet

TESTS = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="package")
def drill_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("drill")


@pytest.fixture(scope="package")
def nodes(ray_folder, drill_folder):
    """A cluster whose workers do what the drill says; tests say how many nodes they want."""
    made = Nodes(
        ray_folder,
        **drilled(drill_folder),
    )
    made.join()
    yield made
    made.end()


@pytest.fixture
def shared_drill(drill_folder):
    """The drill of that cluster, with nothing in its script."""
    return Drill(drill_folder)


@pytest.fixture
def on_ray(nodes, shared_drill):
    """Run a sweep on some nodes, in a thread; `.result()` of what it returns waits."""
    from d2b_ray.engine.session import run_sweep

    pool = ThreadPoolExecutor(1)
    watcher = Quiet()

    def start(sweep, *, count=2, **options):
        nodes.keep(count)
        return pool.submit(run_sweep, sweep, watcher, engine="ray", **options)

    start.watcher = watcher
    yield start
    pool.shutdown()
