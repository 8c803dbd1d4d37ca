"""Which workers a cluster gets: a table."""

from __future__ import annotations

import pytest

from d2b_ray.errors import PlanError
from d2b_ray.schedule.lanes import (
    ALL_KINDS,
    CPU_KINDS,
    GPU_KINDS,
    Demand,
    shape_workers,
    short_of_memory,
)
from d2b_ray.schedule.scaling import dispensable

CPU = {"CPU": 2.0}
BOX = {"CPU": 16.0, "GPU": 1.0}


def shapes(nodes, **demand):
    found = shape_workers(nodes, Demand(**demand))
    return [(w.kinds == ALL_KINDS, w.kinds == GPU_KINDS, w.num_cpus, w.num_gpus) for w in found]


def test_a_laptop_has_one_lane_for_all():
    assert shapes([CPU]) == [(True, False, 1, 0)] * 2


def test_a_worker_is_as_large_as_its_largest_unit():
    assert shapes([{"CPU": 8.0}], gpu_lane_cpus=4.0) == [(True, False, 4, 0)] * 2


def test_a_gpu_box_has_a_gpu_worker_and_its_other_cores_run_the_rest():
    assert shapes([BOX]) == [(False, True, 1, 1)] + [(False, False, 1, 0)] * 15


def test_gpus_can_be_shared():
    found = shapes([{"CPU": 4.0, "GPU": 1.0}], gpus=0.5)
    assert found == [(False, True, 1, 0.5)] * 2 + [(False, False, 1, 0)] * 2


def test_when_every_core_serves_a_gpu_those_workers_run_everything():
    assert shapes([{"CPU": 2.0, "GPU": 2.0}]) == [(True, False, 1, 1)] * 2


def test_of_a_cluster_that_grows_they_give_their_gpus_back_when_no_fit_is_left():
    """Though they run everything while no other worker stands: else a GPU was held up to the end."""
    demand = Demand(left={"fit": 2, "null": 5})
    gpu, *others = shape_workers([{"CPU": 1.0, "GPU": 1.0}], demand, may_grow=True)
    assert (gpu.kinds, gpu.spare, others) == (GPU_KINDS, CPU_KINDS, [])
    assert not dispensable(gpu, demand, {"gpu": 1})
    assert dispensable(gpu, Demand(left={"null": 5}), {"gpu": 1, "cpu": 1})


def test_gpus_are_left_alone_when_the_spec_says_zero():
    assert shapes([BOX], gpus=0.0) == [(True, False, 1, 0)] * 16


def test_no_more_workers_than_there_is_work_for():
    assert len(shapes([CPU, CPU], left={"fit": 2, "null": 3})) == 3
    gpu, cpu = (False, True, 1, 1), (False, False, 1, 0)
    assert shapes([BOX, BOX], left={"fit": 2, "null": 3}) == [gpu] * 2 + [cpu] * 3


GPU_BOX = {"CPU": 64.0, "GPU": 8.0}


@pytest.mark.parametrize("nodes", [[BOX], [GPU_BOX], [{"CPU": 8.0}, *[BOX] * 4]])
@pytest.mark.parametrize("units", [1, 4, 8])
def test_every_kind_that_is_left_has_a_worker(nodes, units):
    """Also where no more units of a kind are left than there are GPUs."""
    for left in ({"fit": units}, {"null": units}, {"fit": units, "commit": units, "gather": 1}):
        found = shape_workers(nodes, Demand(left=left))
        assert set(left) <= {kind for shape in found for kind in shape.kinds}, left


def test_no_gpu_is_held_by_a_sweep_that_has_nothing_for_it():
    assert {shape.num_gpus for shape in shape_workers([BOX], Demand(left={"null": 4}))} == {0}


def test_nodes_are_not_added_up():
    with pytest.raises(PlanError, match="no node of the cluster has 4 CPUs and 0 GPUs together"):
        shapes([CPU, CPU], gpu_lane_cpus=4.0)


GB = 10**9
BYTES = {"fit": 6 * GB, "null": GB, "commit": GB}


def test_workers_are_counted_by_memory_as_well_as_by_cpus():
    node = {"CPU": 8.0, "memory": 20.0 * GB}
    found = shape_workers([node], Demand(own_bytes=BYTES))
    assert [shape.own_bytes for shape in found] == [6 * GB] * 3
    only_nulls = Demand(own_bytes=BYTES, left={"null": 50, "commit": 3})
    assert len(shape_workers([node], only_nulls)) == 8
    box = {"CPU": 16.0, "GPU": 2.0, "memory": 20.0 * GB}
    lanes = [shape.lane for shape in shape_workers([box], Demand(own_bytes=BYTES))]
    assert lanes == ["gpu"] * 2 + ["cpu"] * 8  # 8 GB are left for nulls


def test_a_node_that_is_too_small_has_one_worker_and_a_person_is_told():
    node = {"CPU": 8.0, "memory": 4.0 * GB}
    demand = Demand(own_bytes=BYTES, left={"fit": 4, "null": 9})
    assert len(shape_workers([node], demand)) == 1
    smaller = {"CPU": 8.0, "memory": 3.0 * GB}
    assert (
        len(shape_workers([node, smaller, node], demand)) == 2
    )  # what is kept for one fits on two
    told = short_of_memory([node], demand)
    assert "a fit unit may take 6.0 GB of memory, and no machine has more than 4.0 GB" in told
    assert short_of_memory([node, {"CPU": 1.0, "memory": 7.0 * GB}], demand) is None
    assert short_of_memory([node], Demand(own_bytes=BYTES, left={"null": 9})) is None
    assert short_of_memory([{"CPU": 1.0}], demand) is None  # nobody knows
