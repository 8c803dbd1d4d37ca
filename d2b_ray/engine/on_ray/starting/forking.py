"""Workers that are forked from one process which has imported all: 0.15 s of CPU a worker instead of 1.5 s.

The raylet begins each worker by a file of Ray's, `setup_worker.py`. In its place `fork_worker` hands what it
was given to `fork_server`, which forks; the new process runs Ray's file. Where that cannot be, the worker
begins as it would have without us.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING

from d2b_ray.engine.on_ray.starting import fork_server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["LONGEST_FOLDER", "forking", "setup_file"]

# Of temporary files: Ray's sockets lie 65 letters below, and 107 are all a path may have.
LONGEST_FOLDER = 40
# What Ray imports; not Ray, see `fork_server`.
OF_RAY = [
    "asyncio",
    "filelock",
    "google.protobuf.message",
    "jsonschema",
    "requests",
    "tqdm",
    "yaml",
]
WAITING = 1024  # workers that may ask at once


@contextmanager
def forking(imports: Iterable[str]) -> Iterator[str]:
    """Within it a fork server runs that has imported these; the path of its socket, "" where none can be
    (not on Linux)."""
    setup = setup_file()
    if sys.platform != "linux" or setup is None:
        yield ""
        return
    short = gettempdir() if len(gettempdir()) <= LONGEST_FOLDER else "/tmp"
    with TemporaryDirectory(prefix="d2b-", dir=short) as folder:  # which nobody else may enter
        path = str(Path(folder) / "forks")
        with socket.socket(socket.AF_UNIX) as line:
            line.bind(path)
            line.listen(WAITING)  # who asks while it imports waits, who asks after its end is told
            places = os.pathsep.join(sys.path)  # a worker has the code of its driver
            number = str(line.fileno())
            words = (fork_server.__file__, number, str(setup), places, *imports, *OF_RAY)
            process = subprocess.Popen(
                [sys.executable, *words],
                env=dict(os.environ),  # as Ray gives it to a raylet: without what C code has set here
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=[line.fileno()], process_group=0,
            )  # fmt: skip
        with process:
            try:
                yield path
            finally:
                process.kill()


def setup_file() -> Path | None:
    """Ray's file that begins a worker; None where this Ray has none of that name."""
    import ray
    from ray._private import ray_constants

    name = getattr(ray_constants, "SETUP_WORKER_FILENAME", "")
    path = Path(ray.__file__).parent / "_private" / "workers" / name
    return path if path.is_file() else None
