"""What a person is told of workers that do not come. No cluster is started."""

from __future__ import annotations

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
