"""Runs in the place of Ray's agent of runtime environments until somebody asks it for one.

Workers of a run on one machine have none, so as a rule nobody does, and the agent's start is saved. It holds
the agent's port; who connects there is refused, and asks again once the agent itself, in this process, has
taken the port over. It ends with the raylet, its parent. Ray is not imported.

Arguments: the agent's own command.
"""

import os
import select
import socket
import sys
from pathlib import Path

PORT = "runtime_env_agent_port"
OPTION = "--runtime-env-agent-port="
LOOK_S = 1.0


def options(command: list[str]) -> dict[str, str]:
    """Those of a command, by name."""
    return dict(word[2:].split("=", 1) for word in command if word.startswith("--") and "=" in word)


def say(folder: Path, node: str, port: int) -> None:
    """Write what the raylet waits for, whole at once."""
    aside = folder / f"{PORT}_{node}.new"
    aside.write_text(str(port))
    aside.rename(folder / f"{PORT}_{node}")


def asked(held: socket.socket, raylet: int) -> bool:
    """Whether somebody asked before the raylet ended."""
    while os.getppid() == raylet:
        if select.select([held], [], [], LOOK_S)[0]:
            return True
    return False


if __name__ == "__main__":
    raylet, command = os.getppid(), sys.argv[1:]
    given = options(command)
    address, port = given["node-ip-address"], int(given.get(OPTION[2:-1]) or 0)
    family, kind, protocol, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(place)
        held.listen()
        port = held.getsockname()[1]
        say(Path(given["session-dir"]), given["node-id"], port)
        if not asked(held, raylet):
            sys.exit()
    os.execv(command[0], [OPTION + str(port) if w.startswith(OPTION) else w for w in command])
