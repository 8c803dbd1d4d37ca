"""Ray's own memory monitor: it ends a worker that takes too much; the unit is tried with less."""

from __future__ import annotations

import pytest
from drill import EATEN_BYTES
from problems import MODEL, Quiet, tiny_sweep
from stores import assert_equal_stores

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.filterwarnings("default")]

FIT = f"fit DM01 speechTranscription {MODEL} layer1 TR3-5"


@pytest.fixture
def drill(nodes, shared_drill):
    """The cluster has one node, whose limit lies halfway between now and what the drill eats."""
    from ray._common.utils import get_system_memory
    from ray._private.utils import get_used_memory

    limit = (get_used_memory() + EATEN_BYTES / 2) / get_system_memory()
    if limit > 0.9:
        pytest.skip("this machine has too little memory left for a drill that eats some")
    nodes.keep(0)
    node = nodes.add(RAY_memory_usage_threshold=f"{limit:.4f}", RAY_memory_monitor_refresh_ms="100")
    yield shared_drill
    nodes.lose(node)


def test_a_worker_that_the_monitor_ends_is_out_of_memory(drill, tiny_root, tmp_path, inline_store):
    from d2b_ray.engine.session import run_sweep

    drill.script({FIT: ["eat"]})
    watcher = Quiet()
    assert run_sweep(tiny_sweep(tiny_root, tmp_path / "out"), watcher, engine="ray").ok
    assert_equal_stores(inline_store, tmp_path / "out")
    assert [s.memory_factor for s in drill.starts if s.label == FIT] == [1, 0.5]
    assert any("out of memory; trying again" in line for line in watcher.lines)
