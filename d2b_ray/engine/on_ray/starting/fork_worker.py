"""Runs in the place of Ray's `setup_worker.py`: asks the fork server for a worker, and ends.

The server gets all that a process has from the one that began it. Where it does not answer, Ray's own file
runs, as ever. Nothing is imported that takes time.
"""

import json
import os
import resource
import signal
import socket
import sys
from pathlib import Path

SERVER = "D2B_RAY_FORK_SERVER"  # the path of its socket
THEIRS = "D2B_RAY_SETUP_WORKER"  # the path of Ray's own file
YES = b"y"
# With a server that imports from a slow disk: a raylet gives its workers up after a minute.
PATIENCE_S = 20.0


def inherited() -> dict[str, object]:
    """What a process has from its parent, as the raylet meant it for the worker."""
    return {
        "words": sys.argv[1:],
        "variables": dict(os.environ),
        "folder": os.getcwd(),
        "group": os.getpgrp(),
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "oom_score_adj": Path("/proc/self/oom_score_adj").read_text(),
    }


def asked(server: str) -> bool:
    """Whether the server has forked a worker in our place."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(server)
            socket.send_fds(line, [b"\n"], [0, 1, 2])
            line.sendall(json.dumps(inherited()).encode())
            line.shutdown(socket.SHUT_WR)
            line.settimeout(PATIENCE_S)
            try:
                return line.recv(1) == YES
            except TimeoutError:
                line.shutdown(socket.SHUT_RD)  # it cannot say yes from now on, but may have before
                return line.recv(1) == YES
    except OSError:  # it has ended, or could not fork
        return False


if __name__ == "__main__":
    where = os.environ.pop(SERVER)
    theirs = os.environ.pop(THEIRS)
    sys.argv[0] = theirs
    if not asked(where):
        os.execv(sys.executable, [sys.executable, *sys.argv])
