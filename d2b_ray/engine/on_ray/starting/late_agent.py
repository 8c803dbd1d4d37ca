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
from contextlib import suppress
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


def waited(command: list[str], raylet: int) -> list[str]:
    """The agent's command, once somebody asked, with the port that was held for it.

    Raises KeyError and ValueError where another Ray's agent is not told what is needed here.
    """
    given = options(command)
    address, folder, node = given["node-ip-address"], Path(given["session-dir"]), given["node-id"]
    port = int(given[OPTION[2:-1]])
    family, kind, protocol, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(place)
        held.listen()
        port = held.getsockname()[1]
        say(folder, node, port)
        while not select.select([held], [], [], LOOK_S)[0]:
            if os.getppid() != raylet:
                sys.exit()
    return [OPTION + str(port) if word.startswith(OPTION) else word for word in command]


if __name__ == "__main__":
    raylet, command = os.getppid(), sys.argv[1:]
    with suppress(KeyError, ValueError):  # else it begins at once
        command = waited(command, raylet)
    os.execvp(command[0], command)
