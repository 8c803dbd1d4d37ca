"""Processes of Ray that nobody asks on one machine are not started, as long as Ray lets us say so."""

from __future__ import annotations

import subprocess
import sys
import time

from ray import _raylet
from ray._private import ray_constants, services
from ray._private.node import Node

from d2b_ray.engine.on_ray.starting import no_agent
from d2b_ray.engine.on_ray.starting.lean_start import COMMAND, UNASKED, lean_start

AGENT = ray_constants.PROCESS_TYPE_DASHBOARD_AGENT


def test_they_start_nothing_within_the_block_and_as_ever_after_it(tmp_path):
    before = {name: getattr(Node, name) for name in UNASKED}
    begun = getattr(services, COMMAND)
    with lean_start():
        assert all(getattr(Node, name) is not before[name] for name in UNASKED)
        assert [getattr(Node, name)(None) for name in UNASKED] == [None] * len(UNASKED)
        command = getattr(services, COMMAND)
        assert command(AGENT, str(tmp_path))[-1] == no_agent.__file__
        assert command("raylet", str(tmp_path)) == begun("raylet", str(tmp_path))
    assert {name: getattr(Node, name) for name in UNASKED} == before
    assert getattr(services, COMMAND) is begun


def test_what_is_there_for_the_agent_says_that_it_has_no_ports_and_ends_with_its_parent(tmp_path):
    """As the raylet begins it, by a parent that dies."""
    with lean_start():
        words = [*getattr(services, COMMAND)(AGENT, str(tmp_path)), "agent.py", "--node-id=ab"]
    words.append(f"--session-dir={tmp_path}")
    parent = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(3000)"
    with subprocess.Popen([sys.executable, "-c", parent, *words], stdout=subprocess.PIPE) as raylet:
        while len([path for path in tmp_path.iterdir() if path.suffix != ".new"]) < 3:
            time.sleep(0.02)
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
            f"{port}_ab": "-1" for port in no_agent.PORTS
        }
        raylet.kill()
        # the end of the pipe comes when nobody has it open any more, and the agent had it too
        assert raylet.stdout.read() == b""


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
