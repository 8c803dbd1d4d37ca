"""What a person sees while a long unit runs: its name, its time, and a bar that moves."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from problems import Quiet, tiny_sweep

from d2b_ray.cli.progress import LiveProgress, PlainProgress, clock
from d2b_ray.cli.underway import NEARLY, Underway
from d2b_ray.engine.session import prepare


@pytest.fixture
def sweep_run(tiny_root, tmp_path):
    return prepare(tiny_sweep(tiny_root, tmp_path), Quiet()).sweep_run


@pytest.fixture
def hands():
    """A clock that a test sets."""
    return SimpleNamespace(now=0.0)


def begin(sweep_run):
    """A worker that takes any unit takes the first."""
    key = next(unit.key for unit in sweep_run.plan if sweep_run.control.state[unit.key] == "ready")
    sweep_run.control.state[key] = "running"
    return sweep_run.plan[key]


def test_a_unit_is_told_with_its_time(sweep_run, hands, monkeypatch):
    unit = begin(sweep_run)
    monkeypatch.setattr(type(sweep_run.control), "running", lambda self: [unit.key])
    underway = Underway(lambda: hands.now)
    assert underway.words(underway.look(sweep_run), clock) == ""  # it has only begun
    hands.now = 60.0
    (work,) = underway.look(sweep_run)
    assert (work.kind, work.label, work.elapsed) == (unit.kind, unit.label, 60)
    assert work.share == NEARLY  # the reckoned time is over, its report is not here
    assert underway.words([work], clock) == f"{unit.label} since 1 min 00 s"
    for _ in range(2):
        sweep_run.throughput.ended(unit.kind, 240.0)
    (work,) = underway.look(sweep_run)
    assert work.share == 0.25  # of what others of the kind took
    assert underway.words([work], clock) == f"{unit.label} since 1 min 00 s of about 4 min 00 s"


def test_a_unit_that_ended_is_forgotten(sweep_run, hands, monkeypatch):
    first, running = begin(sweep_run), []
    monkeypatch.setattr(type(sweep_run.control), "running", lambda self: running)
    underway = Underway(lambda: hands.now)
    running.append(first.key)
    underway.look(sweep_run)
    running.clear()
    assert underway.look(sweep_run) == []
    hands.now, _ = 90.0, running.append(first.key)  # a second try
    assert underway.look(sweep_run)[0].elapsed == 0


def test_lines_and_bars_name_it(sweep_run, hands, monkeypatch):
    unit = begin(sweep_run)
    monkeypatch.setattr(type(sweep_run.control), "running", lambda self: [unit.key])
    out = io.StringIO()
    lines = PlainProgress(out)
    lines._underway = Underway(lambda: hands.now)
    lines.progressed(sweep_run)
    hands.now = 30.0
    lines._last -= 11  # ten seconds have passed
    lines.progressed(sweep_run)
    assert f"; {unit.label} since 30 s" in out.getvalue()
    bars = LiveProgress()
    bars._underway = Underway(lambda: hands.now)
    bars.progressed(sweep_run)
    sweep_run.throughput.ended(unit.kind, 100.0)
    hands.now = 80.0
    bars.progressed(sweep_run)
    bars.close()
    task = bars._bars.tasks[bars._tasks[unit.kind]]
    assert 0.4 < task.completed % 1 < 0.6
