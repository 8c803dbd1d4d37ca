"""Processes of Ray that nobody asks on one machine are not started, as long as Ray lets us say so."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

from ray import _raylet
from ray._private import ray_constants, services
from ray._private.node import Node

from d2b_ray.engine.on_ray.starting import agents
from d2b_ray.engine.on_ray.starting.lean_start import BARE, COMMAND, UNASKED, lean_start

AGENT = ray_constants.PROCESS_TYPE_DASHBOARD_AGENT
LATE_AGENT = ray_constants.PROCESS_TYPE_RUNTIME_ENV_AGENT
PARENT = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(3000)"
ANSWERS = """\
import os, socket, sys
address, port = (word.partition("=")[2] for word in sys.argv[1:3])
with socket.create_server((address, int(port))) as held:
    held.accept()[0].sendall(b"agent %d" % os.getpid())
"""


def test_they_start_nothing_within_the_block_and_as_ever_after_it(tmp_path):
    before = {name: getattr(Node, name) for name in UNASKED}
    begun = getattr(services, COMMAND)
    with lean_start():
        assert all(getattr(Node, name) is not before[name] for name in UNASKED)
        assert [getattr(Node, name)(None) for name in UNASKED] == [None] * len(UNASKED)
        command = getattr(services, COMMAND)
        assert command(AGENT, str(tmp_path))[-1] == agents.NONE
        theirs = begun(LATE_AGENT, str(tmp_path))
        assert command(LATE_AGENT, str(tmp_path)) == [*BARE, agents.__file__, "late", *theirs]
        assert command("raylet", str(tmp_path)) == begun("raylet", str(tmp_path))
    assert {name: getattr(Node, name) for name in UNASKED} == before
    assert getattr(services, COMMAND) is begun


def test_what_is_there_for_the_agent_says_that_it_has_no_ports_and_ends_with_its_parent(tmp_path):
    """As the raylet begins it, by a parent that dies."""
    with lean_start():
        words = [*getattr(services, COMMAND)(AGENT, str(tmp_path)), "agent.py", "--node-id=ab"]
    words.append(f"--session-dir={tmp_path}")
    with subprocess.Popen([sys.executable, "-c", PARENT, *words], stdout=subprocess.PIPE) as raylet:
        while len([path for path in tmp_path.iterdir() if path.suffix != ".new"]) < 3:
            time.sleep(0.02)
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
            f"{port}_ab": "-1" for port in agents.NO_PORTS
        }
        raylet.kill()
        # the end of the pipe comes when nobody has it open any more, and the agent had it too
        assert raylet.stdout.read() == b""


def late(folder, port=0):
    """The command of what waits in the place of an agent that answers once, and where it says its port."""
    options = ("--node-ip-address=127.0.0.1", f"--runtime-env-agent-port={port}")
    words = [*BARE, agents.__file__, "late", sys.executable, "-c", ANSWERS, *options]
    return [*words, "--node-id=ab", f"--session-dir={folder}"], folder / "runtime_env_agent_port_ab"


def wait_for(path):
    while not path.exists():
        time.sleep(0.02)
    return int(path.read_text())


def test_an_agent_that_is_asked_begins_in_its_place_and_has_its_port(tmp_path):
    words, said = late(tmp_path)
    with subprocess.Popen(words) as agent:
        port = wait_for(said)
        answer = b""
        while not answer:
            try:  # refused, until the agent itself listens
                with socket.create_connection(("127.0.0.1", port)) as asking:
                    answer = asking.recv(100)
            except OSError:
                time.sleep(0.02)
        assert answer == b"agent %d" % agent.pid
    assert agent.returncode == 0


def test_an_agent_whom_nobody_asks_ends_with_its_parent(tmp_path):
    words, said = late(tmp_path)
    with subprocess.Popen([sys.executable, "-c", PARENT, *words], stdout=subprocess.PIPE) as raylet:
        assert wait_for(said)
        raylet.kill()
        assert raylet.stdout.read() == b""


def test_an_agent_that_is_told_otherwise_begins_at_once(tmp_path):
    """By another version of Ray."""
    words = [*BARE, agents.__file__, "late", sys.executable, "-c", "print('begun')"]
    assert subprocess.check_output(words, text=True) == "begun\n"


def test_a_ray_without_one_of_them_starts_them_all(monkeypatch):
    start = Node.start_monitor
    monkeypatch.delattr(Node, "start_log_monitor")
    with lean_start():
        assert Node.start_monitor is start


def test_a_ray_that_writes_its_ports_otherwise_starts_them_all(monkeypatch):
    """Its raylet would wait for what is never written."""
    begun = getattr(services, COMMAND)
    monkeypatch.setattr(_raylet, "persist_port", lambda *words: None)
    with lean_start():
        assert getattr(services, COMMAND) is begun
