"""Random kills for a while, under sweeps that run one after another on a cluster of several nodes.

Every sweep must end with the bytes of an undisturbed one; no finished unit may be touched again; in the
end no process, shared memory, object or file descriptor may be left. One JSON line; exit status 1 otherwise.

| kill | what is done |
| --- | --- |
| worker | SIGKILL to the process of a worker |
| actor | a worker's actor ends itself before its next unit |
| node | SIGKILL to a raylet and all it started; a new node joins |
| driver | SIGKILL to the command; the same command goes on |
| frozen | SIGSTOP to the command, another takes over, SIGCONT: the first must give up |
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

if TYPE_CHECKING:
    from nodes import Nodes

MARK = "D2B_SOAK"  # in the environment of every process that the soak causes
KILLS = {"worker": 6, "actor": 3, "node": 2, "driver": 2, "frozen": 1}  # how often, relatively
PAUSE_S = (1.0, 9.0)  # between two kills
LEASE_S = "3"
PATIENCE_S = 180.0  # without a newly finished unit, after which the sweep counts as stuck
LONG = 100  # looks at a command (ten a second), from which its file descriptors are judged
OTHERS = re.compile("IDLE|Agent")  # processes of Ray's own that are named like workers
TAKEN_OVER = "another run has taken over"


def before(task: Any) -> None:
    """In a worker, before each unit: note the start; end the actor if that was ordered."""
    folder = Path(os.environ[MARK])
    with open(folder / "starts.log", "a") as log:  # one short line: appended in one piece
        log.write(f"{task.unit.kind}\n")
    try:
        (folder / "end-an-actor").rename(folder / f"ended-{os.getpid()}-{time.time_ns()}")
    except FileNotFoundError:
        return
    import ray

    ray.actor.exit_actor()


def processes(mark: str) -> dict[int, str]:
    """Living processes that carry our mark, but this one: number -> command line."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal() or int(folder.name) == os.getpid():
            continue
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                if line:  # else it is a zombie: ended, and not yet waited for
                    found[int(folder.name)] = line
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def descriptors(process: int, *, sockets: bool = True) -> int:
    """Open file descriptors; those of a Ray program rise with every worker that it has ever met."""
    folder = Path(f"/proc/{process}/fd")
    return sum(sockets or "socket:" not in os.readlink(entry) for entry in folder.iterdir())


def shared_memory() -> set[str]:
    """Names in shared memory."""
    return set(os.listdir("/dev/shm"))


def eventually(look: Any, seconds: float = 30.0) -> Any:
    """The last answer of `look`: the first empty one, or what it says after some seconds."""
    deadline = time.monotonic() + seconds
    while (answer := look()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


class Command:
    """`d2b-ray run` as a process of its own."""

    def __init__(self, spec: Path, address: str, log: Path) -> None:
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "d2b_ray.cli", "run", str(spec), "--address", address,
                 "--retry-failed"],
                stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        """A signal, if it still runs."""
        self.process.send_signal(number)

    @property
    def ended(self) -> int | None:
        """Its exit status, None while it runs."""
        return self.process.poll()

    def told(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-2000:]


class Sweeps:
    """The sweep that runs now: its command, what is finished, and what went wrong so far."""

    def __init__(self, folder: Path, data: Path, delays: int, address: str) -> None:
        from problems import tiny_sweep

        from d2b_ray.spec import to_yaml

        self.folder, self.address = folder, address
        starts = range(1, delays + 1)
        fits = [
            f"{{kind: ridge, features: llm, delays: {{start: {s}, end: {s + 2}}}}}" for s in starts
        ]
        self._yaml = to_yaml(
            tiny_sweep(
                data,
                "OUT",
                f"fits=[{', '.join(fits)}]",
                "output.save=[scores, pvalues]",
                "resources.extract.shard_texts=40",
            )
        )
        self.number = 0
        self.units = 0
        self.touched: list[str] = []
        self.differences: list[str] = []
        self.wrong: list[str] = []
        self._commands = 0
        self.open: dict[int, list[int]] = {}
        self.reference = self.spec("undisturbed")

    def spec(self, name: str) -> Path:
        """A spec with an output root of its own."""
        path = self.folder / f"{name}.yaml"
        path.write_text(self._yaml.replace("root: OUT", f"root: {self.folder / name}"))
        return path

    def undisturbed(self) -> int:
        """Run the reference, in this process and without Ray; returns its units."""
        from problems import Quiet

        from d2b_ray.engine.session import run_sweep
        from d2b_ray.spec import load

        summary = run_sweep(load(self.reference, []), Quiet(), engine="inline")
        assert summary.ok, summary
        return sum(summary.executed.values())

    def begin(self) -> None:
        """The next sweep, from nothing."""
        self.number += 1
        self.out = self.folder / f"sweep{self.number}"
        self.now = self.spec(self.out.name)
        self.seen: dict[str, tuple[int, int]] = {}
        self.progress = time.monotonic()
        self.again()

    def again(self) -> None:
        """The same command once more."""
        self._commands += 1
        self.command = self.another()

    def another(self) -> Command:
        """A command on the same sweep."""
        self._commands += 1
        return Command(self.now, self.address, self.folder / f"command{self._commands}.log")

    def look(self) -> None:
        """Notes records that are new, and those that were there and have changed."""
        units = self.out / "units"
        for record in units.glob("*/*.json") if units.exists() else ():
            if record.parent.name == "failed":
                continue
            about = record.stat()
            now = (about.st_mtime_ns, about.st_ino)
            before = self.seen.get(record.name)
            if before is None:
                self.seen[record.name] = now
                self.progress = time.monotonic()
            elif before != now:
                self.touched.append(f"{self.out.name}: {record.name}")
                self.seen[record.name] = now
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):  # it has just ended
            number = self.command.process.pid
            self.open.setdefault(number, []).append(descriptors(number, sockets=False))
        if time.monotonic() - self.progress > PATIENCE_S:
            self.wrong.append(f"{self.out.name} stuck: {self.command.told()}")
            self.command.send(signal.SIGKILL)
            self.progress = time.monotonic()

    def ended(self) -> bool:
        """Whether the sweep is complete; a command that ended otherwise is begun again."""
        status = self.command.ended
        if status is None:
            return False
        self.look()
        if status == 0:
            return True
        if status != -signal.SIGKILL:
            self.wrong.append(f"{self.out.name}: exit status {status}: {self.command.told()}")
        self.again()
        return False

    def growth(self) -> int:
        """File descriptors that a command had more in its second half than ever in its first."""
        long = [counts for counts in self.open.values() if len(counts) >= LONG]
        halves = ((counts[: len(counts) // 2], counts[len(counts) // 2 :]) for counts in long)
        return max((min(later) - max(earlier) for earlier, later in halves), default=0)

    def compare(self) -> None:
        """With the undisturbed sweep, byte for byte; leftovers of killed writers count too."""
        from stores import assert_equal_stores

        try:
            assert_equal_stores(self.folder / self.reference.stem, self.out)
        except AssertionError as error:
            self.differences.append(f"{self.out.name}: {str(error)[:500]}")


class Killer:
    """Chooses what to kill next."""

    def __init__(self, sweeps: Sweeps, nodes: Nodes, mark: str, rng: random.Random) -> None:
        self.sweeps, self.nodes, self.mark, self.rng = sweeps, nodes, mark, rng
        self.kills: Counter[str] = Counter()

    def kill(self) -> None:
        """One kill of a random kind, counted if there was a victim."""
        kind = self.rng.choices(list(KILLS), list(KILLS.values()))[0]
        if getattr(self, f"_{kind}")():
            self.kills[kind] += 1

    def _worker(self) -> bool:
        found = processes(self.mark).items()
        victims = [n for n, line in found if line.startswith("ray::") and not OTHERS.search(line)]
        if not victims:
            return False
        try:
            os.kill(self.rng.choice(victims), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def _actor(self) -> bool:
        order = Path(os.environ[MARK]) / "end-an-actor"
        order.write_text("")
        deadline = time.monotonic() + 10
        while order.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        taken = not order.exists()
        order.unlink(missing_ok=True)
        return taken

    def _node(self) -> bool:
        self.nodes.lose(self.rng.choice(list(self.nodes.nodes)))
        self.nodes.add()
        return True

    def _driver(self) -> bool:
        if self.sweeps.command.ended is not None:
            return False
        self.sweeps.command.send(signal.SIGKILL)
        self.sweeps.command.process.wait()
        self.sweeps.again()
        return True

    def _frozen(self) -> bool:
        """The frozen one must find at its end that it was replaced, or that nothing was left to do."""
        frozen = self.sweeps.command
        if frozen.ended is not None:
            return False
        frozen.send(signal.SIGSTOP)
        self.sweeps.again()
        deadline = time.monotonic() + 60
        while not self._replaced() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(self.rng.uniform(0, 4))
        self.sweeps.look()
        frozen.send(signal.SIGCONT)
        try:
            status = frozen.process.wait(60)
        except subprocess.TimeoutExpired:
            frozen.send(signal.SIGKILL)
            status = frozen.process.wait()
        replaced = status == 2 and TAKEN_OVER in frozen.told()
        # frozen before it had the root, it asks for it like any other and is refused or finds all done
        if not replaced and not (status == 2 and "holds" in frozen.told()) and status != 0:
            self.sweeps.wrong.append(f"thawed command: exit status {status}: {frozen.told()}")
        return True

    def _replaced(self) -> bool:
        """Whether the command of now has the root, or has ended."""
        from d2b_ray.store import Store, holder

        now = holder(Store(str(self.sweeps.out)))
        command = self.sweeps.command
        has_it = now is not None and now.facts["process"] == command.process.pid
        return has_it or command.ended is not None


def object_store() -> int:
    """Objects that the stores of all nodes must keep; others give way when room is needed."""
    from ray._private import internal_api, state

    reply = internal_api.get_memory_info_reply(state.state)
    return int(reply.store_stats.num_object_store_primary_copies)


def main() -> int:
    """Soak, print one JSON line, return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--delays", type=int, default=12, help="windows of delays in a sweep")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="d2b", ignore_cleanup_errors=True) as name:
        report = soak(wanted, Path(name))
    print(json.dumps(report))
    return 0 if report["ok"] else 1


def soak(wanted: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The whole of it, in `folder`; returns the report."""
    ray_folder = folder / "r"
    ray_folder.mkdir()
    os.environ.update(
        {MARK: str(folder), "D2B_DRILL_CALL": "soak:before", "D2B_RAY_LEASE_S": LEASE_S,
         "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("tests/injected", "scripts", "tests")),
         "HF_HUB_OFFLINE": "1", "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    )  # fmt: skip
    import ray
    from nodes import Nodes
    from problems import write_tiny

    from d2b_ray.engine.on_ray.environment import set_ray_environment

    set_ray_environment("cluster")
    (folder / "starts.log").write_text("")
    data = write_tiny(folder / "data", voxels=40)
    memory_before = shared_memory()
    nodes = Nodes(str(ray_folder))
    head = list(processes(str(folder)))  # they live as long as the cluster
    sweeps = Sweeps(folder, data, wanted.delays, nodes.cluster.address)
    units = sweeps.undisturbed()
    (folder / "starts.log").write_text("")
    nodes.keep(wanted.nodes)
    ray.init(address=nodes.cluster.address, log_to_driver=False, logging_level="ERROR")
    rng = random.Random(wanted.seed)
    killer = Killer(sweeps, nodes, str(folder), rng)
    open_of_head: list[int] = []
    objects_left = 0
    began = time.monotonic()
    while time.monotonic() - began < 60 * wanted.minutes:
        sweeps.begin()
        pause = rng.uniform(*PAUSE_S)
        at = time.monotonic() + pause
        while not sweeps.ended():
            time.sleep(0.1)
            sweeps.look()
            if time.monotonic() > at and time.monotonic() - began < 60 * wanted.minutes:
                killer.kill()
                at = time.monotonic() + rng.uniform(*PAUSE_S)
        sweeps.compare()
        eventually(lambda: [p for p in processes(str(folder)).values() if "ray::Worker" in p])
        objects_left = max(objects_left, eventually(object_store))
        open_of_head.append(sum(descriptors(process) for process in head))
    seconds = time.monotonic() - began
    ray.shutdown()
    nodes.cluster.shutdown()
    left = eventually(lambda: processes(str(folder)))
    starts = Counter((folder / "starts.log").read_text().split())
    whole = units * sweeps.number
    leaks = {
        "processes": sorted(left.values()),
        "shared_memory": sorted(eventually(lambda: shared_memory() - memory_before)),
        "objects": objects_left,
        "descriptors": max(0, sweeps.growth()),
        "temporary_files": len(list(folder.glob("sweep*/**/.*.tmp"))),
    }
    report: dict[str, Any] = {
        "bench": "soak",
        "shape": vars(wanted),
        "minutes": round(seconds / 60, 1),
        "kills": dict(killer.kills),
        "sweeps": sweeps.number,
        "units": whole,
        "starts": sum(starts.values()),
        "repeats": sum(starts.values()) - whole,
        "finished_units_touched": len(sweeps.touched),
        "differences": len(sweeps.differences),
        "unexpected_ends": len(sweeps.wrong),
        "leaks": leaks,
        "descriptors_of_ray_after_each_sweep": open_of_head,
    }
    for line in [*sweeps.touched, *sweeps.differences, *sweeps.wrong]:
        print(line, file=sys.stderr)
    report["ok"] = not (
        sweeps.touched or sweeps.differences or sweeps.wrong
        or leaks["processes"] or leaks["shared_memory"] or leaks["objects"]
        or leaks["temporary_files"] or leaks["descriptors"]
    )  # fmt: skip
    return report


if __name__ == "__main__":
    sys.exit(main())
