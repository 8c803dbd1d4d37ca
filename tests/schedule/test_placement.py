"""Sick workers, told from units that fail for their own sake; lanes that have run dry."""

from __future__ import annotations

from collections import Counter

import pytest

from d2b_ray.plan import Unit
from d2b_ray.schedule.control import Control
from d2b_ray.schedule.events import EndWorker, Failed, GiveUp, Succeeded, WorkerView
from d2b_ray.schedule.lanes import CPU_KINDS, GPU_KINDS
from d2b_ray.schedule.policy import Failure
from d2b_ray.schedule.ready import PRIORITY

ERROR = Failure("error", "RuntimeError", "why")
BROKEN = Failure("device", "AcceleratorError", "CUDA error: an illegal memory access")


def commits(count: int) -> Control:
    return Control([Unit("commit", f"c{i}", {}, (), f"c{i}") for i in range(count)])


def crew(hosts: list[str]) -> list[WorkerView]:
    return [WorkerView(frozenset(PRIORITY), host=h, number=i) for i, h in enumerate(hosts)]


def work(control, workers, fails, slow=3):
    """All workers in turn; one that fails does so at once, another takes `slow` turns a unit."""
    control.placement.crew = {w.number: w.host for w in workers}
    running: dict[int, tuple[str, int]] = {}
    actions, tries = [], Counter()
    for turn in range(10_000):
        for stalled in (False, True):
            for worker in workers:
                if worker.number in running or (stalled and running):
                    continue
                key = control.pick(worker, stalled=stalled)
                if key is not None:
                    tries[worker.number] += 1
                    running[worker.number] = (key, turn + slow)
        for worker in [w for w in workers if w.number in running]:
            key, ends = running[worker.number]
            failure = fails(key, worker)
            if failure:
                actions += control.handle(Failed(key, failure, worker.host, worker.number))
            elif turn < ends:
                continue
            else:
                actions += control.handle(Succeeded(key, worker.number))
            del running[worker.number]
        if control.finished:
            return actions, tries
    raise AssertionError(f"not finished: {control.left()}")


@pytest.mark.parametrize("hosts", [["a", "a", "a", "a"], ["a", "b", "b", "b"], ["a", "b"]])
@pytest.mark.parametrize("failure", [ERROR, BROKEN])
def test_a_sick_worker_costs_no_result_and_few_tries(hosts, failure):
    control = commits(60)
    actions, tries = work(control, crew(hosts), lambda _, w: failure if w.number == 0 else None)
    assert control.pending("done") == 60
    assert not [a for a in actions if isinstance(a, GiveUp)]
    ended = [a for a in actions if isinstance(a, EndWorker)]
    assert {a.worker for a in ended} == {0}
    assert [a.shun for a in ended] == [False, True]  # its replacement was sick as well
    assert tries[0] <= 6


def test_units_that_fail_everywhere_are_given_up_and_end_no_worker():
    control = commits(60)
    bad = {f"c{i}" for i in range(0, 60, 2)}
    actions, tries = work(
        control, crew(["a", "a", "b", "b"]), lambda k, _: ERROR if k in bad else None
    )
    assert {a.key for a in actions if isinstance(a, GiveUp)} == bad
    assert not [a for a in actions if isinstance(a, EndWorker)]
    assert sum(tries.values()) == 60 + len(bad)  # each was tried once more, elsewhere
    assert control.pending("done") == 60 - len(bad)


def test_where_all_fails_all_is_given_up():
    control = commits(30)
    actions, _ = work(control, crew(["a", "b"]), lambda *_: ERROR)
    assert sum(isinstance(a, GiveUp) for a in actions) == 30


def test_one_worker_alone_tries_once():
    """The second try would be the first again."""
    control = commits(5)
    actions, tries = work(control, crew(["a"]), lambda *_: ERROR)
    assert sum(isinstance(a, GiveUp) for a in actions) == 5
    assert tries[0] == 5


def test_a_gpu_worker_takes_other_kinds_once_its_own_are_ended():
    units = [Unit("fit", "f", {}, (), "f"), Unit("commit", "c", {}, (), "c")]
    units.append(Unit("commit", "d", {}, ("f",), "d"))
    control = Control(units)
    gpu = WorkerView(GPU_KINDS, spare=CPU_KINDS)
    assert control.pick(gpu) == "f"
    assert control.pick(gpu) is None  # a fit may fail, and be its own again
    control.handle(Succeeded("f"))
    assert {control.pick(gpu), control.pick(gpu)} == {"c", "d"}


def test_a_gpu_worker_takes_other_kinds_where_nobody_else_is():
    units = [Unit("design", "d", {}, (), "d"), Unit("fit", "f", {}, ("d",), "f")]
    control = Control([*units, Unit("commit", "c", {}, ("f",), "c")])
    gpu = WorkerView(GPU_KINDS, spare=CPU_KINDS)
    assert control.pick(gpu) is None
    assert control.pick(gpu, stalled=True) == "d"


def grid(subjects=4, designs=12):
    """Fits of all subjects on some designs that are made."""
    units = []
    for d in range(designs):
        units.append(Unit("design", f"d{d}", {}, (), f"d{d}", model="m"))
        units += [
            Unit("fit", f"f{d}.{s}", {}, (f"d{d}",), f"f{d}.{s}", subject=f"S{s}", model="m")
            for s in range(subjects)
        ]
        units += [
            Unit("commit", f"c{d}.{s}", {}, (f"f{d}.{s}",), f"c{d}.{s}", subject=f"S{s}")
            for s in range(subjects)
        ]
    control = Control(units)
    maker = WorkerView(frozenset({"design"}), number=99, host="maker")
    while (key := control.pick(maker)) is not None:
        control.handle(Succeeded(key, 99, "maker"))
    return control


def test_hosts_share_the_reading_of_subjects():
    """A host of several GPUs reads subjects side by side; another begins with what nobody reads."""
    control = grid()
    fits = frozenset({"fit"})
    views = [WorkerView(fits, host=f"h{n // 2}", number=n) for n in range(4)]
    taken = [control.units[control.pick(view)].subject for view in views]
    assert sorted(taken) == ["S0", "S1", "S2", "S3"]


def test_a_worker_stays_with_its_subject_then_takes_what_it_held_then_what_its_host_has():
    control = grid()
    fits = frozenset({"fit"})
    others = WorkerView(fits, subject="S3", host="h", number=1)
    key = control.pick(others)
    control.handle(Succeeded(key, 1, "h"))  # the host has read S3
    view = WorkerView(fits, subject="S1", recent=("S2",), host="h", number=0)
    order = []
    while (key := control.pick(view)) is not None:
        order.append(control.units[key].subject)
        control.handle(Succeeded(key, 0, "h"))
        view = view.after(control.units[key])
    assert order == ["S1"] * 12 + ["S2"] * 12 + ["S3"] * 11 + ["S0"] * 12
    assert view.recent == ("S3", "S2", "S1")


def test_a_subject_that_the_host_reads_now_is_waited_for_last():
    control = grid(subjects=2, designs=2)
    fits = frozenset({"fit"})
    taken = [
        control.units[control.pick(WorkerView(fits, host="h", number=n))].subject for n in range(3)
    ]
    assert taken[:2] == ["S0", "S1"]
    assert taken[2] in ("S0", "S1")  # nothing else is left: it waits
