"""Responses that are read ahead of the fits of a host, by workers that do not fit."""

from __future__ import annotations

from d2b_ray.plan import Unit
from d2b_ray.schedule.control import Control
from d2b_ray.schedule.events import Succeeded, WorkerView
from d2b_ray.schedule.lanes import CPU_KINDS, GPU_KINDS

DESIGNS = 4


def grid(subjects=3):
    """Fits of all subjects on designs that are made; factorizations are still to do."""
    units = [Unit("design", f"d{d}", {}, (), f"d{d}", model="m") for d in range(DESIGNS)]
    for d in range(DESIGNS):
        units.append(Unit("factorize", f"a{d}", {}, (f"d{d}",), f"a{d}", model="m"))
        for s in range(subjects):
            needs = (f"d{d}",) if d < 2 else (f"d{d}", f"a{d}")
            units.append(Unit("fit", f"f{d}.{s}", {}, needs, f"f{d}.{s}", subject=f"S{s}"))
            need, name = (f"f{d}.{s}",), f"c{d}.{s}"
            units.append(Unit("commit", name, {}, need, name, subject=f"S{s}"))
    control = Control(units)
    maker = WorkerView(frozenset({"design"}), number=99, host="maker")
    while (key := control.pick(maker)) is not None:
        control.handle(Succeeded(key, 99, "maker"))
    return control


def gpu(number=0, host="h", **held):
    return WorkerView(GPU_KINDS, host=host, number=number, **held)


def cpu(number=10, host="h"):
    return WorkerView(CPU_KINDS, host=host, number=number)


def test_gpus_factorize_while_another_worker_reads_then_fit_what_it_has_read():
    control = grid()
    assert control.to_read(cpu(), idle=False) is None  # nobody has been seen to fit there
    control.placement.reading.sees(gpu())
    assert control.to_read(cpu(), idle=False) == "S0"
    assert control.to_read(cpu(11), idle=True) is None  # one subject at a time, by all cores
    kinds = [control.units[control.pick(gpu(n))].kind for n in range(2)]
    assert kinds == ["factorize"] * 2
    assert control.pick(gpu(4)) is None  # it waits, and takes what is ready before
    control.placement.reading.ended("S0", "h")
    assert control.pick(gpu(4)) is not None
    assert [control.units[key].subject for key in control.running() if key[0] == "f"] == ["S0"]


def test_one_subject_ahead_and_more_by_those_who_have_nothing_to_do():
    control = grid()
    reading = control.placement.reading
    reading.sees(gpu())
    assert control.to_read(cpu(), idle=False) == "S0"
    reading.ended("S0", "h")
    assert control.to_read(cpu(), idle=False) is None  # nobody has begun to fit S0
    assert control.to_read(cpu(), idle=True) == "S1"
    reading.ended("S1", "h")
    assert control.units[control.pick(gpu())].subject == "S0"
    assert control.to_read(cpu(), idle=False) is None  # S1 is there
    assert control.to_read(cpu(), idle=True) == "S2"
    reading.ended("S2", "h")
    assert control.to_read(cpu(), idle=True) is None


def test_hosts_begin_with_different_subjects():
    control = grid()
    for host in ("a", "b", "c"):
        control.placement.reading.sees(gpu(host=host))
    assert {control.to_read(cpu(host=h), idle=False) for h in ("a", "b", "c")} == {"S0", "S1", "S2"}


def test_without_a_worker_that_reads_gpus_read():
    control = grid()
    everything = [WorkerView(GPU_KINDS | CPU_KINDS, host="h", number=n) for n in range(2)]
    assert [control.to_read(view, idle=True) for view in everything] == [None, None]
    assert control.units[control.pick(everything[0])].kind == "fit"


def test_where_all_is_stalled_a_gpu_reads():
    """The one that read is gone, and no other has come."""
    control = grid()
    control.placement.reading.sees(gpu())
    assert control.to_read(cpu(), idle=False) == "S0"
    while (key := control.pick(gpu())) is not None:
        assert control.units[key].kind == "factorize"
        control.handle(Succeeded(key, 0, "h"))
    assert control.units[control.pick(gpu(), stalled=True)].kind == "fit"


def test_nulls_beside_a_gpu_do_not_count_as_reading():
    """Most were drawn with their fit, and read nothing."""
    control = grid()
    reading = control.placement.reading
    reading.sees(gpu())
    null = Unit("null", "n", {}, (), "n", subject="S1")
    reading.begins(null, cpu())
    reading.succeeded(null, "h")
    assert control.to_read(cpu(), idle=False) == "S0"
    reading.ended("S0", "h")
    assert control.to_read(cpu(), idle=True) == "S1"
