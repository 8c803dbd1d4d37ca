"""The state machine as laws over small plans: what may run, what is released, what a failure means."""

from __future__ import annotations

import pytest
from steps import calls_of

from d2b_ray.plan import Unit
from d2b_ray.schedule.control import Control
from d2b_ray.schedule.events import (
    EndWorker,
    Failed,
    GiveUp,
    Lost,
    Release,
    Skip,
    Stop,
    Succeeded,
    WorkerView,
)
from d2b_ray.schedule.policy import POLICY, Failure
from d2b_ray.schedule.ready import PRIORITY

ANY = WorkerView(frozenset(PRIORITY))


def unit(kind: str, key: str, *needs: str, subject: str | None = None) -> Unit:
    return Unit(kind, key, {"key": key}, needs, key, subject=subject, model="m")


def grid(designs: int = 2, subjects: int = 2, nulls: int = 2) -> list[Unit]:
    units = [unit("extract", "x")]
    commits = []
    for d in range(designs):
        units += [unit("design", f"d{d}", "x"), unit("factorize", f"a{d}", f"d{d}")]
        for s in range(subjects):
            name = f"{d}{s}"
            units.append(unit("fit", f"f{name}", f"d{d}", f"a{d}", subject=f"S{s}"))
            blocks = [f"n{name}{b}" for b in range(nulls)]
            units += [unit("null", b, f"f{name}", subject=f"S{s}") for b in blocks]
            units.append(unit("commit", f"c{name}", f"f{name}", *blocks, subject=f"S{s}"))
            commits.append(f"c{name}")
    return [*units, unit("gather", "g", *commits)]


def run(control: Control, held: frozenset[str] = frozenset()) -> tuple[list[str], list[str]]:
    """Run everything; returns the order of units and of releases, checking each start."""
    order: dict[str, None] = {}
    released: dict[str, None] = {}
    while (key := control.pick(ANY)) is not None:
        for need in control.inputs(key):
            assert need in order or need in held
            assert need not in released, f"{key} needs {need}, which was released"
        assert key not in order
        order[key] = None
        for action in control.handle(Succeeded(key)):
            if isinstance(action, Release):
                assert action.key not in released
                released[action.key] = None
    return list(order), list(released)


def fail(fault: str = "error") -> Failure:
    return Failure(fault, "ValueError", "why")


def test_every_unit_runs_once_after_its_needs_and_every_value_is_released_once():
    units = grid()
    order, released = run(Control(units))
    assert sorted(order) == sorted(u.key for u in units)
    for u in units:
        assert all(order.index(need) < order.index(u.key) for need in u.needs)
    assert sorted(released) == sorted(u.key for u in units if not u.durable)


def test_a_finished_fit_is_carried_to_its_result_before_the_next_fit_starts():
    order, _ = run(Control(grid()))
    assert order.index("c00") < order.index("f01")


def sizes(units: list[Unit], **by_kind: int) -> dict[str, int]:
    return {u.key: by_kind[u.kind] for u in units if u.kind in by_kind}


def test_no_more_designs_are_begun_than_memory_holds():
    units = grid(designs=5)
    control = Control(
        units, value_bytes=sizes(units, design=30, factorize=10, fit=1), capacity_bytes=180
    )
    control.pick(ANY)
    control.handle(Succeeded("x"))
    assert [control.pick(ANY) for _ in range(4)] == ["d0", "d1", None, None]
    assert control.memory.held_bytes == 80


def test_one_design_and_one_fit_are_begun_however_large():
    units = grid(designs=3, subjects=3)
    control = Control(
        units, value_bytes=sizes(units, design=500, factorize=500, fit=500), capacity_bytes=10
    )
    order, _ = run(control)
    assert len(order) == len(units)
    assert control.memory.held_bytes == 0


def test_fits_wait_for_memory_that_other_fits_hold():
    units = grid(designs=1, subjects=3, nulls=0)
    control = Control(units, value_bytes=sizes(units, fit=30), capacity_bytes=130)
    for key in ("x", "d0", "a0"):
        assert control.pick(ANY) == key
        control.handle(Succeeded(key))
    assert [control.pick(ANY) for _ in range(3)] == ["f00", "f01", None]
    control.handle(Succeeded("f00"))
    assert control.pick(ANY) == "c00"
    assert control.pick(ANY) is None
    control.handle(Succeeded("c00"))
    assert control.pick(ANY) == "f02"


def test_room_is_given_back_by_what_fails_is_skipped_or_is_lost():
    units = grid(designs=2, subjects=1, nulls=1)
    control = Control(units, value_bytes=sizes(units, design=3, factorize=2, fit=1))
    for key in ("x", "d0"):
        control.pick(ANY)
        control.handle(Succeeded(key))
    control.handle(Lost(("d0",)))
    assert control.memory.held_bytes == 2  # its factorization is still to come
    assert control.pick(ANY) == "d0"
    control.handle(Failed("d0", fail()))
    assert control.memory.held_bytes == 0


def test_what_is_recorded_is_not_run_again_and_neither_is_what_only_it_needed():
    units = grid(designs=2, subjects=1)
    control = Control(units, done={"x", "c00"})
    order, _ = run(control)
    assert sorted(order) == ["a1", "c10", "d1", "f10", "g", "n100", "n101"]


def test_a_finished_sweep_has_nothing_to_do():
    units = grid()
    control = Control(units, done={u.key for u in units if u.durable})
    assert control.finished
    assert control.pick(ANY) is None


def test_a_worker_is_given_units_of_the_subject_it_holds():
    control = Control(grid(designs=1, subjects=3, nulls=0))
    for key in ("x", "d0", "a0"):
        assert control.pick(ANY) == key
        control.handle(Succeeded(key))
    assert control.pick(WorkerView(frozenset(PRIORITY), subject="S2")) == "f02"
    assert control.pick(WorkerView(frozenset(PRIORITY), subject="S0")) == "f00"


def test_a_worker_gets_only_units_of_its_lane():
    control = Control(grid(designs=1))
    cpu = WorkerView(frozenset({"design", "null", "commit", "gather"}))
    assert control.pick(cpu) is None
    assert control.pick(ANY) == "x"


def test_a_failure_skips_what_needs_it_and_the_rest_goes_on_to_the_report():
    control = Control(grid(designs=2, subjects=1))
    actions = []
    order = []
    while (key := control.pick(ANY)) is not None:
        order.append(key)
        event = Failed(key, fail()) if key == "f00" else Succeeded(key)
        actions += control.handle(event)
    assert [a.key for a in actions if isinstance(a, GiveUp)] == ["f00"]
    assert [a for a in actions if isinstance(a, Skip)] == [Skip(("n000", "n001", "c00"), "f00")]
    assert {"c10", "g"} <= set(order)
    assert {a.key for a in actions if isinstance(a, Release)} >= {"d0", "a0"}
    assert control.finished
    assert control.pending("skipped") == 3


def test_a_failure_of_an_earlier_run_stays_until_it_is_asked_for():
    units = grid(designs=2, subjects=1)
    control = Control(units, failed={"f00"})
    order, _ = run(control)
    assert "f00" not in order
    assert "c10" in order
    assert control.state["c00"] == "skipped"


@pytest.mark.parametrize(("fault", "rule"), POLICY.items())
def test_each_fault_is_tried_again_as_often_as_the_policy_says(fault, rule):
    control = Control([unit("extract", "x"), unit("gather", "g")])
    control.placement.crew = dict.fromkeys(range(20), "here")
    tries = 0
    actions = []
    while (key := control.pick(WorkerView(frozenset({"extract"}), number=tries))) is not None:
        assert key == "x"
        actions += control.handle(Failed("x", fail(fault), worker=tries))
        tries += 1
        assert control.tries.started("x") == tries
    actions = [action for action in actions if not isinstance(action, EndWorker)]
    assert tries == 1 + rule.retries
    if rule.stops:
        assert actions == [Stop("x", fail(fault))]
        assert control.stopped == fail(fault)
        assert control.pick(ANY) is None
        assert control.state["x"] == "ready"  # not failed: the next run takes it up
    else:
        assert actions == [GiveUp("x", fail(fault), tries)]


def test_a_unit_that_timed_out_runs_on_another_host():
    control = Control([unit("extract", "x"), unit("extract", "y")])
    here, there = (WorkerView(frozenset(PRIORITY), host=host) for host in ("here", "there"))
    assert control.pick(here) == "x"
    control.handle(Failed("x", fail("timeout"), "here"))
    assert control.pick(here) == "y"
    assert control.pick(here) is None
    assert control.pick(there) == "x"


def test_where_there_is_no_other_host_a_timed_out_unit_comes_back():
    control = Control([unit("extract", "x")])
    here = WorkerView(frozenset(PRIORITY), host="here")
    control.pick(here)
    control.handle(Failed("x", fail("timeout"), "here"))
    assert control.pick(here) is None
    assert control.pick(here, stalled=True) == "x"


def test_a_lost_value_is_made_again_with_all_that_it_needs():
    control = Control(grid(designs=1, subjects=1, nulls=1))
    for key in ("x", "d0", "a0", "f00"):
        assert control.pick(ANY) == key
        control.handle(Succeeded(key))
    assert control.pick(ANY) == "n000"  # the design was released when the fit ended
    control.handle(Failed("n000", fail("value_lost")))
    control.handle(Lost(("f00",)))
    order, released = run(control)
    assert order == ["d0", "a0", "f00", "n000", "c00", "g"]
    assert sorted(released) == ["a0", "d0", "f00", "n000"]


def test_a_consumer_that_was_ready_waits_for_a_lost_value():
    control = Control(grid(designs=1, subjects=2, nulls=0))
    for key in ("x", "d0", "a0"):
        control.pick(ANY)
        control.handle(Succeeded(key))
    assert control.pick(ANY) == "f00"
    control.handle(Failed("f00", fail("value_lost")))
    control.handle(Lost(("d0", "a0")))
    assert control.pick(ANY) == "d0"
    assert control.pick(ANY) is None
    control.handle(Succeeded("d0"))
    order, _ = run(control, held=frozenset({"d0"}))
    assert sorted(order) == ["a0", "c00", "c01", "f00", "f01", "g"]


def test_four_times_as_many_units_are_decided_in_four_times_the_steps():
    """A unit takes 0.1 ms, whether there are two or ten thousand."""

    def steps(designs):
        control = Control(grid(designs=designs, subjects=4, nulls=3))
        order = []
        made = calls_of(lambda: order.extend(run(control)[0]))
        assert len(order) > 20 * designs
        return made

    assert steps(200) < 8 * steps(50)


def test_a_unit_that_is_put_back_was_never_begun():
    control = Control([unit("extract", "x"), unit("design", "d", "x")])
    assert control.pick(ANY) == "x"
    control.put_back("x")
    assert control.tries.started("x") == 0
    assert control.pick(ANY) == "x"
    assert control.tries.started("x") == 1


def test_what_is_put_back_waits_for_a_value_that_was_lost_meanwhile():
    control = Control(grid(designs=1, subjects=1))
    for expected in ("x", "d0", "a0", "f00"):
        assert control.pick(ANY) == expected
        control.handle(Succeeded(expected))
    assert [control.pick(ANY), control.pick(ANY)] == ["n000", "n001"]
    control.handle(Failed("n000", fail("value_lost")))
    control.handle(Lost(("f00",)))
    control.put_back("n001")
    assert control.state["n001"] == "waiting"
    order, _ = run(control, held=frozenset({"d0", "a0"}))
    assert order[-4:] == ["n000", "n001", "c00", "g"]


def test_a_worker_makes_designs_ready_before_it_fits_another_subject():
    """Two designs, two subjects: the fits of one follow each other, as long as designs have room."""
    made = chain_of_designs(designs=3, subjects=2)

    def fits(capacity):
        control = Control(made, value_bytes=dict.fromkeys(SHELVED, 10), capacity_bytes=capacity)
        view, order = WorkerView(frozenset(PRIORITY)), []
        while (key := control.pick(view)) is not None:
            unit = control.units[key]
            if unit.kind == "fit":
                order.append(unit.subject)
            view = view.after(unit)
            control.handle(Succeeded(key))
        assert control.finished
        return order

    assert fits(1000) == ["S0", "S0", "S0", "S1", "S1", "S1"]
    assert sorted(fits(1)) == ["S0"] * 3 + ["S1"] * 3
    assert fits(1) == ["S0", "S1", "S1", "S0", "S0", "S1"]  # room for one design


SHELVED = [f"d{n}" for n in range(3)]


def chain_of_designs(designs, subjects):
    units = []
    for d in range(designs):
        units.append(Unit("design", f"d{d}", {}, (), f"d{d}", model="m"))
        for s in range(subjects):
            fit, commit = f"f{d}{s}", f"c{d}{s}"
            units.append(Unit("fit", fit, {}, (f"d{d}",), fit, subject=f"S{s}", model="m"))
            units.append(Unit("commit", commit, {}, (fit,), commit, subject=f"S{s}", model="m"))
    return units
