"""Workers that come, and what a person is told of those that do not."""

from __future__ import annotations

import time
from pathlib import Path

from d2b_ray.engine.on_ray.tries import nobody_yet
from d2b_ray.engine.on_ray.workers import WorkerSlot
from d2b_ray.schedule.lanes import Demand, lane_shapes


def test_a_person_who_waits_is_told_which_workers_are_missing():
    """A node with the only GPU is gone: that the others stand idle is no riddle."""
    gpu, cpu = lane_shapes(Demand(), 1.0)
    slots = [WorkerSlot(number, shape) for number, shape in enumerate((gpu, cpu, cpu))]
    told = nobody_yet(61.2, slots)
    assert told.startswith("nothing has run for 61 s: waiting for 2 cpu and 1 gpu worker(s); ")
    assert "tried again" in nobody_yet(61.2, [])


def test_workers_of_a_node_that_we_start_are_forked_and_end_with_it(nodes):
    import ray

    @ray.remote
    class Worker:
        def seen(self):
            import os
            import sys
            from pathlib import Path

            above = Path(f"/proc/{os.getppid()}/cmdline").read_text()
            return (
                os.getpid(),
                os.getenv("D2B_ASKED"),
                "torch" in sys.modules,
                "fork_server" in above,
            )

    nodes.keep(0)
    node = nodes.add()
    where = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)
    # nobody of a run asks for an environment; its agent begins when one is asked for
    asked = {"env_vars": {"D2B_ASKED": "yes"}}
    worker = Worker.options(num_cpus=1, scheduling_strategy=where, runtime_env=asked).remote()
    number, said, *forked = ray.get(worker.seen.remote())
    assert said == "yes"
    assert forked == [True, True]
    nodes.lose(node)
    while Path(f"/proc/{number}").exists():  # Ray's own watch over the raylet
        time.sleep(0.05)
