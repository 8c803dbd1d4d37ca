"""Runs as the process that workers are forked from: it has imported what each of them would.

It starts no thread, opens no device, connects to nothing, and does not import Ray, whose settings are read
from the variables at its import and differ by worker. It ends with its standard input.

Arguments: the number of its listening socket, Ray's `setup_worker.py`, where modules are found, and which.
"""

import gc
import importlib
import json
import os
import resource
import runpy
import select
import shlex
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

YES = b"y"
# A process that forks has one thread: numpy's BLAS would begin its own at import. Each unit sets how many it
# has (`steps/threads.py`), before and after it has as many as Ray gives.
FIRST = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
RAYS = ("RAY_", "SPT_")  # what variables begin with that Ray sets, and reads where it is imported


def next_order(line: socket.socket) -> dict[str, Any] | None:
    """Forks a process for each order: that order in the new process, None in the server at its end."""
    while True:
        ready, _, _ = select.select([line, sys.stdin], [], [])
        if sys.stdin in ready:  # nobody writes there: who began us was killed
            path = Path(line.getsockname())
            path.unlink()
            path.parent.rmdir()
            return None
        with suppress(OSError, ValueError), line.accept()[0] as asking:
            _, streams, _, _ = socket.recv_fds(asking, 1, 3)
            try:
                order = json.loads(b"".join(iter(lambda: asking.recv(1 << 16), b"")))
                if _others(order["variables"]):  # what has been imported may have read them
                    continue
                if _forked(order["group"], asking):
                    for number, stream in enumerate(streams):
                        os.dup2(stream, number)
                    return dict(order)
            finally:
                for stream in streams:
                    os.close(stream)


def _others(told: dict[str, str]) -> set[str]:
    """Names of variables that are not as the server has them."""
    names = {name for name, _ in told.items() ^ os.environ.items()}
    return {name for name in names if not name.startswith(RAYS)}


def _forked(group: int, asking: socket.socket) -> bool:
    """Whether this is the new process, which goes on once who asked has its answer, or not at all."""
    heard, told = os.pipe()
    worker = os.fork()
    if not worker:
        os.close(told)
        if os.read(heard, 1) != YES:
            os._exit(0)
        os.close(heard)
        return True
    os.close(heard)
    try:
        os.setpgid(worker, group)
        asking.sendall(YES)  # OSError where nobody waits any more
        os.write(told, YES)
    finally:
        os.close(told)
    return False


def take_on(order: dict[str, Any]) -> None:
    """Have what the worker would have had from the process that began it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, order["blocked"])
    resource.setrlimit(resource.RLIMIT_NOFILE, order["files"])
    os.setpriority(os.PRIO_PROCESS, 0, order["niceness"])
    Path("/proc/self/oom_score_adj").write_text(order["oom_score_adj"])
    os.environ.clear()
    os.environ.update(order["variables"])
    os.chdir(order["folder"])
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # else all workers would draw the same


class Begun(BaseException):
    """Ray's own file would run a Python like ours of these words."""


def set_up(words: list[str]) -> list[str]:
    """Run Ray's `setup_worker.py` up to where it would replace itself; the worker's own words.

    What is not our Python and a file (a container, another Python) replaces this process, as Ray wants it.
    """
    replace = os.execvp

    def execvp(file: str, args: Any) -> NoReturn:
        ours = ["bash", "-c", f"exec {sys.executable} "]
        if args[:2] == ours[:2] and args[2].startswith(ours[2]):
            command = shlex.split(args[2])[2:]
            if command[0].endswith(".py"):
                raise Begun(command)
        replace(file, args)

    os.execvp = execvp  # type: ignore[assignment]
    try:
        run(words)
    except Begun as begun:
        return list(begun.args[0])
    finally:
        os.execvp = replace
    sys.exit(f"{words[0]} begins no worker")


def run(words: list[str]) -> None:
    """Run a file as Python would."""
    sys.argv = words
    sys.path[0] = os.path.dirname(words[0])
    runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    _, number, theirs, places, *modules = sys.argv
    ours, sys.path = sys.path, places.split(os.pathsep)
    variables = dict(os.environ)
    os.environ.update(FIRST)
    gc.disable()  # what modules make stays: looking through it takes a fifth of an import
    for module in modules:
        with suppress(Exception):  # the worker that needs it says so
            importlib.import_module(module)
    sys.path = ours
    os.environ.clear()
    os.environ.update(variables)
    if len(os.listdir("/proc/self/task")) > 1:
        sys.exit()  # a library has begun a thread: what it holds would be lost
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is gone at once
    with socket.socket(fileno=int(number)) as listening:
        order = next_order(listening)
    if order is not None:
        take_on(order)
        run(set_up([theirs, *order["words"]]))
