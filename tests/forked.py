"""The command line in a process that is forked from one which has imported the libraries of a run.

Each command has variables, a folder and a memory of its own, as one that a user types, and imports the
package itself, but has not three seconds of libraries before it. Where the start is what is tested, it is
typed (`subprocess`).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess

LIBRARIES = (
    "torch", "numba", "scipy.fft", "scipy.io", "scipy.linalg", "scipy.sparse", "scipy.special", "h5py",
    "pydantic", "typer", "rich.console", "yaml", "fsspec",
)  # fmt: skip  # not those that begin threads, which a process that forks must not have
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(LIBRARIES)


def d2b_ray(*words: object, variables: dict[str, str], folder: Path | None = None):
    """`d2b-ray WORDS` in a folder under these variables, and no others, to its end."""
    with tempfile.TemporaryDirectory() as name:
        streams = [Path(name) / "stdout", Path(name) / "stderr"]
        told = [str(word) for word in words]
        process = FORKS.Process(
            target=_command, args=(told, variables, str(folder or Path.cwd()), streams)
        )
        process.start()
        process.join()
        out, err = (stream.read_text() for stream in streams)
    return CompletedProcess(["d2b-ray", *told], process.exitcode, out, err)


def _command(words: list[str], variables: dict[str, str], folder: str, streams: list[Path]) -> None:
    for number, path in enumerate(streams, 1):
        stream = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    places = variables.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = dict.fromkeys([*filter(None, places), *sys.path])
    sys.argv = ["d2b-ray", *words]
    from d2b_ray.cli import main

    main()
