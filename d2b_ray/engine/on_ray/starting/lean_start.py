"""Ray on this machine alone without the processes that nobody asks there: a second of its start each."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from d2b_ray.engine.on_ray.starting import agents, fork_worker
from d2b_ray.engine.on_ray.starting.fork_worker import SERVER, THEIRS
from d2b_ray.engine.on_ray.starting.forking import setup_file

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["lean_start"]

log = logging.getLogger(__name__)
# It sends logs to drivers, which we do not ask for; starts and ends nodes; answers jobs and the dashboard.
UNASKED = ("start_log_monitor", "start_monitor", "start_api_server")
SETUP = "SETUP_WORKER_FILENAME"  # the file that begins a worker
BARE = (sys.executable, "-S", "-E", "-u")  # no site: it would take longer than all the rest
COMMAND = "_build_python_executable_command_memory_profileable"  # how a process of Ray's is begun


@contextmanager
def lean_start(forks: str = "") -> Iterator[None]:
    """A node that starts within the block has no log monitor, autoscaler, API server and dashboard agent.

    Its agent of runtime environments begins when it is asked. Its workers are forked by the server of that
    socket (`forking`), if one is given. There is no public way to say so; another version of Ray that starts
    them otherwise starts them all.
    """
    with ExitStack() as ends:
        try:
            from ray._private import ray_constants, services
            from ray._private.node import Node

            agent = ray_constants.PROCESS_TYPE_DASHBOARD_AGENT
            late = ray_constants.PROCESS_TYPE_RUNTIME_ENV_AGENT
            begun = getattr(services, COMMAND)
            for name in UNASKED:
                getattr(Node, name)
            _as_we_write_ports()
        except (ImportError, AttributeError, TypeError, LookupError) as error:
            log.info("Ray starts all its processes: %s", error)
        else:

            def command(what: str, *rest: Any, **more: Any) -> Any:
                """Of the agents what stands in their place, of all others Ray's own."""
                if what == agent:
                    return [*BARE, agents.__file__, agents.NONE]
                theirs = begun(what, *rest, **more)
                if what == late:
                    return [*BARE, agents.__file__, agents.LATE, *theirs]
                return theirs

            others: list[tuple[Any, str, Any]] = [(Node, name, _nothing) for name in UNASKED] + [
                (services, COMMAND, command)
            ]
            if forks:
                ends.enter_context(_variables(**{SERVER: forks, THEIRS: str(setup_file())}))
                others.append((ray_constants, SETUP, fork_worker.__file__))
            for owner, name, other in others:
                ends.callback(setattr, owner, name, getattr(owner, name))
                setattr(owner, name, other)
        yield


@contextmanager
def _variables(**told: str) -> Iterator[None]:
    """What the node, and so its workers, is told."""
    os.environ.update(told)
    try:
        yield
    finally:
        for name in told:
            del os.environ[name]


def _as_we_write_ports() -> None:
    """LookupError where this Ray does not write ports as those do that stand in its agents' places.

    Its raylet would wait for ever.
    """
    from ray import _raylet

    with tempfile.TemporaryDirectory(prefix="d2b-") as name:
        folder, node = Path(name), "0" * 56
        ports = {**dict.fromkeys(agents.NO_PORTS, -1), agents.LATE_PORT: 65535}
        for port, number in ports.items():
            if port not in vars(_raylet).values():
                raise LookupError(f"its agents have no {port}")
            vars(_raylet)["persist_port"](name, node, port, number)
        theirs = {path.name: path.read_bytes() for path in folder.iterdir()}
        agents.say(folder, node, ports)
        if {path.name: path.read_bytes() for path in folder.iterdir()} != theirs:
            raise LookupError("it writes its ports otherwise")


def _nothing(node: Any, **given: Any) -> None:
    """Starts nothing."""
