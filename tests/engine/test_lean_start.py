"""Processes of Ray that nobody asks on one machine are not started, as long as Ray lets us say so."""

from __future__ import annotations

from ray._private.node import Node

from d2b_ray.engine.on_ray.lean_start import UNASKED, lean_start


def test_they_start_nothing_within_the_block_and_as_ever_after_it():
    before = {name: getattr(Node, name) for name in UNASKED}
    with lean_start():
        assert all(getattr(Node, name) is not before[name] for name in UNASKED)
        assert [getattr(Node, name)(None) for name in UNASKED] == [None] * len(UNASKED)
    assert {name: getattr(Node, name) for name in UNASKED} == before


def test_a_ray_without_one_of_them_starts_them_all(monkeypatch):
    start = Node.start_monitor
    monkeypatch.delattr(Node, "start_log_monitor")
    with lean_start():
        assert Node.start_monitor is start
