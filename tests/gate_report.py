"""What the suite tells while it runs: a line a folder, with tests, seconds and CPU seconds.

Not a measurement of speed: seconds depend on what else the machine does. CPU seconds hardly do, but are
those of the control group (a container, a login, or the machine): so Ray's detached processes count.
`--cpu` lists the tests that cost most. With `-v` or `-q` pytest's own words are left as they are.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
ABOUT = {
    "tests": "the whole program: command line, README, demo by every way in",
    "data": "the measured world: layouts, runs, captions",
    "design": "features to design matrices: delays, reduction",
    "encoding": "ridge and banded fits against scikit-learn and himalaya",
    "engine": "runs on one machine: interrupted, resumed, the same bytes",
    "features": "text, words, pictures, film and sound to vectors, on tiny models",
    "fuzz": "mutated inputs: a line and a status for each, never a traceback",
    "on_ray": "clusters of several nodes: workers killed, nodes lost, drivers frozen",
    "plugins": "a modality, a layout, a solver and a test from other packages",
    "plan": "a sweep becomes units of work with keys",
    "report": "tables, figures, the page",
    "schedule": "what runs next, and what a failure means",
    "significance": "nulls, p-values, intervals, ceilings against theory",
    "spec": "what a sweep may say, and how mistakes are told",
    "store": "results on disk and in a bucket: written whole, one writer",
}
DEAREST = 40


def pytest_addoption(parser):
    parser.addoption("--cpu", action="store_true", help="list the tests that cost most CPU seconds")


@pytest.hookimpl(trylast=True)  # the reporter of the terminal stands by then
def pytest_configure(config):
    if hasattr(config, "workerinput"):
        return  # one of several processes: the first of them tells
    several = bool(config.getoption("numprocesses", None))
    config.pluginmanager.register((Together if several else GateReport)(config), "gate-report")


def cpu_seconds() -> float:
    """Of all processes in the control group of this one; without one, of this one and what it waited for."""
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            for word in _lines(f"/sys/fs/cgroup{path}/cpu.stat"):
                if word.startswith("usage_usec"):
                    return int(word.split()[1]) / 1e6
        elif "cpuacct" in controllers.split(","):
            for place in (path, ""):  # a container sees its own group as the root
                for word in _lines(f"/sys/fs/cgroup/cpuacct{place}/cpuacct.usage"):
                    return int(word) / 1e9
    return sum(os.times()[:4])


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


class GateReport:
    """Counts outcomes by folder, and costs by test."""

    def __init__(self, config: pytest.Config) -> None:
        self.told = config.get_verbosity() == 0
        self.list_dearest = config.getoption("--cpu")
        self.terminal = config.pluginmanager.getplugin("terminalreporter")
        if self.told:
            self.terminal.showfspath = False
        self.tests: Counter[str] = Counter()  # by folder
        self.outcomes: Counter[str] = Counter()  # of the folder that is on
        self.costs: dict[str, tuple[float, float]] = {}  # by test: seconds, CPU seconds
        self.now = self.began = (time.monotonic(), cpu_seconds())

    def pytest_collection_finish(self, session):
        """How many tests each folder has."""
        self.tests.update(_folder(item.nodeid) for item in session.items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item, nextitem):
        """A line for a folder that begins, a dot for a file that ends, and the sums at its end."""
        folder, file = _folder(item.nodeid), item.nodeid.partition("::")[0]
        if self.told and not sum(self.outcomes.values()):
            about = ABOUT.get(folder, "")
            self._write(f"\n{folder:<12} {self.tests[folder]:>4} tests: {about}\n  ")
        self.outcomes["begun"] += 1
        result = yield
        now = (time.monotonic(), cpu_seconds())
        self.costs[item.nodeid] = (now[0] - self.now[0], now[1] - self.now[1])
        self.now = now
        after = nextitem.nodeid if nextitem else ""
        if self.told and after.partition("::")[0] != file:
            self._write(".")
        if _folder(after) != folder or not nextitem:
            self._end_of_folder(folder)
        return result

    def pytest_runtest_logreport(self, report):
        """Count each test once."""
        if report.failed:
            self.outcomes["failed"] += 1
            if self.told:
                self._write(f"\n  FAILED {report.nodeid} ({report.when})\n  ")
        elif report.skipped:
            self.outcomes["xfailed" if hasattr(report, "wasxfail") else "skipped"] += 1
        elif report.when == "call":
            self.outcomes["passed"] += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self, report):
        """What pytest says of a test, without its letter."""
        status = yield
        return (status[0], "", "") if self.told and status else status

    def _end_of_folder(self, folder: str) -> None:
        said = ("passed", "failed", "skipped", "xfailed")
        counts = [f"{self.outcomes[what]} {what}" for what in said if self.outcomes[what]]
        costs = [cost for test, cost in self.costs.items() if _folder(test) == folder]
        seconds, cpu = (sum(column) for column in zip(*costs, strict=True))
        if self.told:
            self._write(f" {', '.join(counts)} in {seconds:.0f} s ({cpu:.0f} s of CPU)")
        self.outcomes.clear()

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter):
        """All in all; with `--cpu` the dearest tests."""
        wall, cpu = time.monotonic() - self.began[0], cpu_seconds() - self.began[1]
        if self.list_dearest:
            terminalreporter.section("CPU seconds, seconds, test")
            dearest = sorted(self.costs.items(), key=lambda pair: -pair[1][1])[:DEAREST]
            for test, (seconds, spent) in dearest:
                terminalreporter.write_line(f"{spent:8.1f} {seconds:8.1f}  {test}")
        if self.told:
            count = sum(self.tests.values())
            terminalreporter.write_line(f"{count} tests in {wall:.0f} s, {cpu:.0f} s of CPU.")

    def _write(self, text: str) -> None:
        self.terminal.write(text, flush=True)


class Together:
    """What the first of several processes tells: how far all of them are, and what failed."""

    STEP = 0.05  # of all tests, between two lines

    def __init__(self, config: pytest.Config) -> None:
        self.told = config.get_verbosity() == 0
        self.terminal = config.pluginmanager.getplugin("terminalreporter")
        self.count, self.done, self.next = 0, 0, 0.0
        self.outcomes: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()  # by folder
        self.began = (time.monotonic(), cpu_seconds())

    def pytest_xdist_node_collection_finished(self, node, ids):
        """How many tests there are: each process has all of them."""
        self.count = len(ids)

    def pytest_runtest_logreport(self, report):
        """Count each test once; a line for every twentieth of them."""
        self.seconds[_folder(report.nodeid)] += report.duration
        if report.failed:
            self.outcomes["failed"] += 1
            if self.told:
                self.terminal.write_line(f"FAILED {report.nodeid} ({report.when})")
        if report.when != "teardown":
            return
        self.done += 1
        if self.told and self.done >= self.next * self.count:
            self.next = self.done / max(1, self.count) + self.STEP
            clock = time.monotonic() - self.began[0]
            where = _folder(report.nodeid)
            words = f"{self.done:>5} of {self.count} tests in {clock:.0f} s; now {where}: "
            self.terminal.write_line(words + ABOUT.get(where, ""), flush=True)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self, report):
        """What pytest says of a test, without its letter."""
        status = yield
        return (status[0], "", "") if self.told and status else status

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter):
        """Seconds by folder, and all in all."""
        if self.told:
            wall, cpu = time.monotonic() - self.began[0], cpu_seconds() - self.began[1]
            parts = [f"{name or 'tests'} {took:.0f}" for name, took in self.seconds.most_common()]
            terminalreporter.write_line(f"Seconds by folder: {', '.join(parts)}")
            words = f"{self.done} tests in {wall:.0f} s, {cpu:.0f} s of CPU, by several processes."
            terminalreporter.write_line(words)


def _folder(nodeid: str) -> str:
    """`store` of `tests/store/test_lease.py::...`; `tests` of what lies at the top."""
    parts = Path(nodeid.partition("::")[0]).parts
    return parts[-2] if len(parts) > 1 else ""
