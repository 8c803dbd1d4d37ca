"""How long a plan takes: by hand."""

from __future__ import annotations

from d2b_ray.plan import Estimate
from d2b_ray.schedule.forecast import forecast


def estimates(**seconds):
    return [Estimate(kind, 1, 0, s, 0) for kind, s in seconds.items()]


ON_CPU = estimates(fit=1000.0, null=600.0, commit=40.0)
ON_GPU = estimates(fit=10.0, null=600.0, commit=40.0)


def test_cores_alone_do_everything():
    assert forecast(ON_CPU, ON_GPU, gpus=0, cpus=4) == (410.0, "CPUs", "fit")


def test_what_is_waited_for_bounds_the_time():
    assert forecast(ON_CPU, ON_GPU, gpus=1, cpus=8) == (80.0, "CPUs", "null")
    assert forecast(ON_CPU, ON_GPU, gpus=1, cpus=128) == (10.0, "GPUs", "fit")


def test_nothing_left_takes_no_time():
    assert forecast([], [], gpus=2, cpus=8).seconds == 0
