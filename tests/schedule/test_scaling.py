"""What is asked of a cluster that grows by itself, and whom it can do without: tables."""

from __future__ import annotations

import pytest

from d2b_ray.schedule.lanes import Demand, lane_shapes
from d2b_ray.schedule.scaling import FEW, dispensable, more_workers


def asked(left, *, there=None, standing=None, gpus=1.0, **demand):
    wanted = Demand(left=left, **demand)
    shapes = more_workers(lane_shapes(wanted, gpus), wanted, there or {}, standing or {})
    found = [shape.lane for shape in shapes]
    return {lane: found.count(lane) for lane in set(found)}


def test_from_nothing_a_few_of_each_lane_are_asked_for():
    assert asked({"fit": 100, "null": 100}) == {"gpu": FEW, "cpu": FEW}
    assert asked({"fit": 100, "null": 100}, gpus=0.0) == {"cpu": FEW}
    assert asked({"fit": 100}) == {"gpu": FEW}
    assert asked({}) == {}


def test_a_lane_asks_for_as_many_again_as_it_has():
    eight = {"gpu": 8}
    assert asked({"fit": 100}, there=eight, standing=eight) == {"gpu": 8}
    assert asked({"fit": 100}, there={"gpu": 16}, standing=eight) == {}  # they wait for a place
    assert asked({"fit": 10}, there=eight, standing=eight) == {"gpu": 2}  # no more than units


@pytest.mark.parametrize("kind", ["shard", "extract", "fit", "factorize"])
def test_the_spec_may_name_the_most(kind):
    eight = {"gpu": 8}
    assert asked({kind: 100}, at_most={kind: 9}, there=eight, standing=eight) == {"gpu": 1}
    assert asked({kind: 100}, at_most={kind: 8}, there=eight, standing=eight) == {}


def test_a_worker_is_dispensable_when_its_lane_has_more_than_there_are_units():
    demand = Demand(left={"fit": 2, "null": 5})
    gpu, cpu = lane_shapes(demand, 1.0)
    assert not dispensable(gpu, demand, {"gpu": 2, "cpu": 9})
    assert dispensable(gpu, demand, {"gpu": 3})
    assert dispensable(cpu, demand, {"cpu": 6})
    nothing = Demand(left={"null": 5})
    assert dispensable(gpu, nothing, {"gpu": 1})
