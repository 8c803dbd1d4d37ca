"""Memory is counted where it lies; what reads a fit runs first where the fit is."""

from __future__ import annotations

from d2b_ray.plan import Unit
from d2b_ray.schedule.control import Control
from d2b_ray.schedule.events import Lost, Succeeded, WorkerView
from d2b_ray.schedule.memory import MemoryLedger
from d2b_ray.schedule.ready import PRIORITY

HOSTS = ("one", "two")
ONE, TWO = (WorkerView(frozenset(PRIORITY), host=h, number=n) for n, h in enumerate(HOSTS))


def fits(count, subject="S1", nulls=1):
    units = [Unit("fit", f"f{n}", {}, (), f"f{n}", subject=subject) for n in range(count)]
    for n in range(count):
        names = [f"n{n}{block}" for block in range(nulls)]
        units += [Unit("null", name, {}, (f"f{n}",), name, subject=subject) for name in names]
        units.append(Unit("commit", f"c{n}", {}, (f"f{n}", *names), f"c{n}", subject=subject))
    return units


def fitted(control, *done):
    """Fits that workers began together, and have ended."""
    assert [control.pick(worker) for worker, _ in done] == [key for _, key in done]
    for worker, key in done:
        control.handle(Succeeded(key, worker.number, worker.host))


def test_a_host_begins_what_its_own_memory_holds():
    units = fits(6)
    control = Control(
        units, value_bytes={f"f{n}": 10 for n in range(6)}, capacity_bytes={"one": 80, "two": 20}
    )
    assert [control.pick(ONE) for _ in range(5)] == ["f0", "f1", "f2", "f3", None]
    assert [control.pick(TWO) for _ in range(2)] == ["f4", None]
    control.memory.capacity_bytes = {"one": 80, "two": 40}  # it has grown
    assert control.pick(TWO) == "f5"


def test_a_host_that_nobody_knows_yet_is_not_held_back():
    control = Control(fits(2), value_bytes={"f0": 10, "f1": 10}, capacity_bytes={"two": 1})
    assert [control.pick(ONE) for _ in range(2)] == ["f0", "f1"]


def test_a_factorization_counts_where_it_was_made():
    design, other = (Unit("design", key, {}, (), key) for key in ("design", "other"))
    ledger = MemoryLedger({"design": 30, "factorize": 50, "other": 10}, 160)
    ledger.take(design, ["factorize"], "one")
    assert not ledger.has(other, [], "one")  # a half is 80
    ledger.settle("factorize", "two")
    assert ledger.held_bytes == 80
    assert ledger.has(other, [], "one")
    ledger.free("design")
    ledger.free("factorize")
    assert ledger.held_bytes == 0
    ledger.settle("factorize", "one")  # released in the meantime
    assert ledger.held_bytes == 0


def test_null_tasks_run_first_where_their_fit_is():
    control = Control(fits(4, nulls=2))
    fitted(control, (ONE, "f0"), (TWO, "f1"), (ONE, "f2"), (TWO, "f3"))
    assert [control.pick(TWO) for _ in range(4)] == ["n10", "n11", "n30", "n31"]
    assert [control.pick(TWO) for _ in range(2)] == ["n00", "n01"]  # rather than wait
    assert control.pick(ONE) == "n20"


def test_what_would_read_responses_comes_after_what_need_not():
    """Another subject whose fit is here, before one whose fit is there, if both responses are read."""
    units = fits(1, "S1")
    units += [Unit("fit", "g", {}, (), "g", subject="S2")]
    units += [Unit("null", "m", {}, ("g",), "m", subject="S2")]
    units += [Unit("commit", "c", {}, ("g", "m"), "c", subject="S2")]
    control = Control(units)
    fitted(control, (ONE, "f0"), (TWO, "g"))
    assert control.pick(TWO) == "m"


def test_a_fit_that_was_lost_is_looked_for_where_it_is_made_again():
    control = Control(fits(2, nulls=2))
    fitted(control, (ONE, "f0"), (TWO, "f1"))
    control.handle(Lost(("f0",)))
    assert control.placement.holder(control.units["n00"]) == ""
    assert [control.pick(TWO) for _ in range(2)] == ["n10", "n11"]
    assert control.pick(TWO) == "f0"
    control.handle(Succeeded("f0", TWO.number, TWO.host))
    assert control.placement.holder(control.units["n00"]) == "two"
    assert [control.pick(TWO) for _ in range(2)] == ["n00", "n01"]
