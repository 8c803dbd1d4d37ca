"""A real Ray head of the tests' own: own ports, own folder, never `ray stop` (it kills every Ray here)."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Head:
    """Addresses of a running head."""

    address: str  # for ray.init
    dashboard: str  # for `ray job submit`
    metrics: str  # for Prometheus


def plain_environment(**more) -> dict[str, str]:
    """The environment without Ray's variables, with this Python first in the path.

    But for niceness: Ray's workers have 15 otherwise, and on a busy machine hardly ever a turn.
    """
    plain = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    own = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    return plain | {"PATH": f"{BIN}:{plain['PATH']}"} | own | more


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now.

    Below those that the system gives to whoever asks for any, and of each process of the tests its own:
    between this look and the start of what is to listen there, nobody else takes them.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000 + 2_000 * (process % 6), 22_000 + 2_000 * (process % 6))
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


@contextmanager
def running_head(folder: str, *, num_cpus: int = 2, **environment):
    """Start a head with `num_cpus` logical CPUs; ends it with all its processes."""
    port, dashboard, agent, grpc, client, metrics = free_ports(6)
    command = [
        str(BIN / "ray"), "start", "--head", "--block", f"--port={port}", f"--temp-dir={folder}",
        f"--num-cpus={num_cpus}", f"--dashboard-port={dashboard}",
        f"--dashboard-agent-listen-port={agent}", f"--dashboard-agent-grpc-port={grpc}",
        f"--ray-client-server-port={client}", f"--metrics-export-port={metrics}",
        "--no-monitor", "--include-log-monitor=false",  # nodes stay, and nobody follows logs by Ray
    ]  # fmt: skip
    env = plain_environment(**{"RAY_AUTH_MODE": "disabled"} | environment)
    log = open(Path(folder) / "head.log", "wb")  # noqa: SIM115  # must outlive this block
    process = subprocess.Popen(
        command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        url = f"http://127.0.0.1:{dashboard}"
        _wait(process, url, Path(folder) / "head.log")
        yield Head(f"127.0.0.1:{port}", url, f"http://127.0.0.1:{metrics}/metrics")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def _wait(process: subprocess.Popen, url: str, log: Path, seconds: float = 3000) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}/api/version", timeout=60):
                return
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):  # it wants a token
                return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the Ray head did not start: {log.read_text()}")
        time.sleep(0.2)
