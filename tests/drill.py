"""A fault drill: what workers do before each unit, told by a script on disk. Runs in the workers.

The folder `$D2B_DRILL` holds `script.json`: label of a unit -> what its first, second ... start
does. Every start is a line of `starts.log`. A unit that waits has `waits/<n>.at` written, and goes
on when the test writes `waits/<n>.go`: faults are put exactly there, not by sleeping.
"""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 1500  # less than pytest waits for a test that hangs: nothing is timed by it
EATEN_BYTES = 4 << 30


@dataclass(frozen=True)
class Start:
    """One start of a unit, as a line of the log."""

    label: str
    attempt: int
    memory_factor: float
    pid: int
    node: str


def before(task) -> None:
    """Called in a worker in place of `d2b_ray.steps.execute.before_unit`."""
    folder = Path(os.environ["D2B_DRILL"])
    label = task.unit.label
    number = sum(start.label == label for start in starts(folder))
    line = json.dumps([label, task.attempt, task.memory_factor, os.getpid(), _node()]) + "\n"
    with open(folder / "starts.log", "a") as log:  # one short line: appended in one piece
        log.write(line)
    script = json.loads((folder / "script.json").read_text())
    if script.get("__sick__") == _node():  # whatever is tried there fails at once
        raise RuntimeError("drill: this node is sick")
    actions = script.get(label, [])
    action = actions[min(number, len(actions) - 1)] if actions else "go"
    if script.get("__last__") != "repeat" and number >= len(actions):
        action = "go"
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "memory":
        raise MemoryError("drill")
    elif action == "eat":  # more than the node allows: its memory monitor ends this process
        eaten = bytearray(EATEN_BYTES)
        eaten[::4096] = b"x" * len(eaten[::4096])
        time.sleep(PATIENCE_S)
    elif action == "error":
        raise ValueError("drill")
    elif action == "store":
        from d2b_ray.store.faults import as_store_error

        with as_store_error("drill://"):
            raise ConnectionError("drill")
    elif action == "wait":
        _wait(folder, label)


def starting() -> None:
    """Called in a worker before it stands: the first `$D2B_FALSE_STARTS` of a node end here."""
    log = Path(os.environ["D2B_DRILL"]) / "false_starts.log"
    with open(log, "a") as file:
        file.write("x")
    if log.stat().st_size <= int(os.environ["D2B_FALSE_STARTS"]):
        raise RuntimeError("drill: a library is missing here")


def starts(folder: Path) -> list[Start]:
    """All starts so far, in order."""
    log = Path(folder) / "starts.log"
    if not log.exists():
        return []
    return [Start(*json.loads(line)) for line in log.read_text().splitlines()]


def _wait(folder: Path, label: str) -> None:
    name = label.replace("/", "_").replace(" ", "_")
    (folder / f"{name}.at").write_text("")
    deadline = time.monotonic() + PATIENCE_S
    while not (folder / f"{name}.go").exists():
        if time.monotonic() > deadline:
            (folder / f"{name}.late").write_text("")
            raise TimeoutError(f"nobody let {label} go on")
        time.sleep(0.01)


def _node() -> str:
    import sys

    if "ray" not in sys.modules:
        return ""
    import ray

    return ray.get_runtime_context().get_node_id() if ray.is_initialized() else ""


def drilled(folder: Path) -> dict[str, str]:
    """What the environment of processes must say that run under a drill (`injected/sitecustomize.py`)."""
    here = Path(__file__).resolve().parent
    path = [str(here / "injected"), str(here), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "D2B_DRILL": str(folder),
        "D2B_DRILL_CALL": "drill:before",
        "PYTHONPATH": os.pathsep.join(path),
    }


class Drill:
    """The test's side: write the script, see who has arrived, let it go on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.script({})

    def script(
        self, actions: dict[str, list[str]], *, repeat: bool = False, sick: str | None = None
    ) -> None:
        """What each start of a unit does; with `repeat` the last action is done for ever.

        On the node `sick` every unit fails.
        """
        value = dict(actions) | ({"__last__": "repeat"} if repeat else {})
        value |= {"__sick__": sick} if sick else {}
        aside = self.folder / "script.new"
        aside.write_text(json.dumps(value))
        aside.rename(self.folder / "script.json")
        (self.folder / "starts.log").unlink(missing_ok=True)
        for mark in [*self.folder.glob("*.at"), *self.folder.glob("*.go")]:
            mark.unlink()

    @property
    def starts(self) -> list[Start]:
        """All starts so far, of a drill in which nobody was forgotten.

        Else a test that waits for what it holds itself would end well, after all that patience.
        """
        late = [mark.stem for mark in self.folder.glob("*.late")]
        assert not late, f"nobody let these go on: {late}"
        return starts(self.folder)

    def counts(self) -> dict[str, int]:
        """Starts by label."""
        found: dict[str, int] = {}
        for start in self.starts:
            found[start.label] = found.get(start.label, 0) + 1
        return found

    def nodes_of(self, labels: list[str]) -> set[str]:
        """Nodes on which any of these units was started."""
        return {start.node for start in self.starts if start.label in labels}

    def arrived(self, label: str) -> Start:
        """Wait until a unit waits; returns its start."""
        name = label.replace("/", "_").replace(" ", "_")
        deadline = time.monotonic() + PATIENCE_S
        while not (self.folder / f"{name}.at").exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{label} did not start: {self.counts()}")
            time.sleep(0.01)
        return [start for start in self.starts if start.label == label][-1]

    def go(self, label: str) -> None:
        """Let a waiting unit run."""
        name = label.replace("/", "_").replace(" ", "_")
        (self.folder / f"{name}.go").write_text("")
