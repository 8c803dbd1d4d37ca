"""Runs in the place of Ray's dashboard agent on a machine whose cluster has no dashboard.

It says for the three ports of the agent that there are none (-1, as Ray's own agent does where the
dashboard's libraries are not installed), and ends with the raylet, its parent. Ray is not imported: that
would take as long as the rest of a start.
"""

import os
import sys
import time
from pathlib import Path

PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
LOOK_S = 1.0


def say_none(folder: Path, node: str) -> None:
    """Write what the raylet waits for, each whole at once."""
    for port in PORTS:
        aside = folder / f"{port}_{node}.new"
        aside.write_text("-1")
        aside.rename(folder / f"{port}_{node}")


if __name__ == "__main__":
    raylet = os.getppid()
    given = dict(
        word.split("=", 1) for word in sys.argv[1:] if word.startswith("--") and "=" in word
    )
    say_none(Path(given["--session-dir"]), given["--node-id"])
    while os.getppid() == raylet:
        time.sleep(LOOK_S)
