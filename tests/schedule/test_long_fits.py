"""Fits that take far longer than most are begun first, wherever they lie in the plan."""

from __future__ import annotations

import itertools

from d2b_ray.plan import Unit
from d2b_ray.schedule.control import Control
from d2b_ray.schedule.events import Succeeded, WorkerView
from d2b_ray.schedule.ready import PRIORITY

SECONDS = {"design": 1, "fit": 3, "long": 90, "commit": 1}


def grid(subjects: int = 3, layers: int = 8) -> list[Unit]:
    """A short fit a layer and subject, then one of all layers' bands a subject."""
    units = [Unit("design", f"d{n}", {}, (), f"d{n}") for n in range(layers)]
    units.append(Unit("design", "bands", {}, (), "bands"))
    for s in range(subjects):
        own = [(f"f{s}.{n}", f"d{n}") for n in range(layers)] + [(f"long{s}", "bands")]
        for key, need in own:
            units.append(Unit("fit", key, {}, (need,), key, subject=f"S{s}"))
            units.append(Unit("commit", f"c{key}", {}, (key,), f"c{key}", subject=f"S{s}"))
    return units


def makespan(workers: int, **options) -> tuple[float, list[str]]:
    """When all is done, and the fits in the order of their beginning."""
    control, now, began = Control(grid(), **options), 0.0, []
    views = [WorkerView(frozenset(PRIORITY), host="h", number=n) for n in range(workers)]
    running: dict[int, tuple[float, str]] = {}
    while True:
        for view in list(views):
            if view.number not in running and (key := control.pick(view)):
                unit = control.units[key]
                views[view.number] = view.after(unit)
                kind = "long" if key.startswith("long") else unit.kind
                running[view.number] = (now + SECONDS[kind], key)
                began += [key] if unit.kind == "fit" else []
        if not running:
            return now, began
        number = min(running, key=running.__getitem__)
        now, key = running.pop(number)
        control.handle(Succeeded(key, number, "h"))


def test_no_worker_is_left_alone_with_a_long_one():
    work = 9 + 3 * (8 * (3 + 1) + 90 + 1)
    late, _ = makespan(2)
    soon, began = makespan(2, long={"bands", "long0", "long1", "long2"})
    assert began[0].startswith("long")
    assert {"long0", "long1", "long2"} <= set(began[: began.index(began[-1])])
    assert soon <= work / 2 + 20 < late
    assert sorted(began) == sorted(makespan(2)[1])


def test_one_worker_stays_with_its_subject_among_long_ones():
    _, began = makespan(1, long={"bands", "long0", "long1", "long2"})
    assert began[:3] == ["long0", "long1", "long2"]
    subjects = [key[1] for key in began[3:]]
    assert sum(a != b for a, b in itertools.pairwise(subjects)) == 2
