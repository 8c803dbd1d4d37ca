"""Runs in the place of an agent of Ray's on a node of this machine, without importing Ray: half a second.

    none            of the dashboard's, whose cluster has no dashboard: says that it has no ports (-1, as
                    the agent itself does where the dashboard's libraries are not installed)
    late COMMAND    of the one of runtime environments, whose command it is given. A run's workers have none,
                    so as a rule nobody asks. It holds the agent's port; who connects there is refused, and
                    asks again once the agent itself, in this process, has taken the port over

Both end with the raylet, their parent.
"""

import os
import select
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

NONE, LATE = "none", "late"
NO_PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
LATE_PORT = "runtime_env_agent_port"
OPTION = "--runtime-env-agent-port="
LOOK_S = 1.0


def options(command: list[str]) -> dict[str, str]:
    """Those of a command, by name."""
    return dict(word[2:].split("=", 1) for word in command if word.startswith("--") and "=" in word)


def say(folder: Path, node: str, ports: dict[str, int]) -> None:
    """Write what the raylet waits for, each whole at once."""
    for port, number in ports.items():
        aside = folder / f"{port}_{node}.new"
        aside.write_text(str(number))
        aside.rename(folder / f"{port}_{node}")


def stay_away(command: list[str], raylet: int) -> None:
    """Say that there are no ports; returns when the raylet has ended."""
    given = options(command)
    say(Path(given["session-dir"]), given["node-id"], dict.fromkeys(NO_PORTS, -1))
    while os.getppid() == raylet:
        time.sleep(LOOK_S)


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
        say(folder, node, {LATE_PORT: port})
        while not select.select([held], [], [], LOOK_S)[0]:
            if os.getppid() != raylet:
                sys.exit()
    return [OPTION + str(port) if word.startswith(OPTION) else word for word in command]


if __name__ == "__main__":
    raylet, (which, *command) = os.getppid(), sys.argv[1:]
    if which == NONE:
        stay_away(command, raylet)
    else:
        with suppress(KeyError, ValueError):  # else it begins at once
            command = waited(command, raylet)
        os.execvp(command[0], command)
