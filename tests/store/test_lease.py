"""One writer to a root: who may take it, when, and what a writer that lost it can still do."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from d2b_ray.errors import LeaseError
from d2b_ray.store import Fence, Layout, Lease, Store, holder

SILENCE_S = 0.6  # of a holder: six beats in that time
PATIENT_S = 20.0  # of who asks a holder that is alive: it is busy, at the worst, for less
MANY_S = 5.0  # of many that ask a dead one, and then the first of them


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "root"))


def lease(store, said=None, silence_s=SILENCE_S):
    return Lease(store, "levels", (said if said is not None else []).append, silence_s)


def abandoned(store, generation=1, **changes):
    """A holder on another machine that will never beat again."""
    facts = {
        "sweep": "other", "host": "far", "machine": "another boot", "process": 1, "born": "7",
        "started": "2031-01-01T00:00:00Z",
    }  # fmt: skip
    store.write_json(Layout.lease(generation), facts | changes)
    beat = {"beat": 3, "ended": False, "told": "1999-01-01T00:00:00Z", "run": {}}
    store.write_json(Layout.beat(generation), beat)


def test_a_free_root_is_taken_and_given_back(store):
    with lease(store) as held:
        assert held.before is None
        now = holder(store)
        assert (now.generation, now.ended, now.gone) == (1, False, False)
        assert now.facts["process"] == os.getpid()
    assert holder(store).ended
    with lease(store) as held:
        assert held.fence.generation == 2
    assert store.list("lease/") == (Layout.beat(2), Layout.lease(2))  # nothing piles up


def test_the_second_is_refused_and_told_who_is_there(store):
    with (
        lease(store),
        pytest.raises(LeaseError) as caught,
        lease(store, silence_s=PATIENT_S),
    ):
        pass
    line = str(caught.value)
    assert "\n" not in line
    assert f"process {os.getpid()}" in line
    assert "sweep 'levels'" in line


def test_a_silent_holder_loses_the_root_whatever_its_clock_says(store):
    abandoned(store)
    said = []
    began = time.monotonic()
    with lease(store, said) as held:
        assert time.monotonic() - began >= SILENCE_S
        assert held.fence.generation == 2
    assert any("no sign of life" in line for line in said)


def test_a_process_of_this_machine_that_is_gone_needs_no_waiting(store, monkeypatch):
    program = (
        "import os, sys; from d2b_ray.store import Lease, Store\n"
        "Lease(Store(sys.argv[1]), 'levels', print, 60).__enter__(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, store.url], check=False)
    assert holder(store).gone
    still = SimpleNamespace(**vars(time) | {"sleep": lambda s: pytest.fail("it waits")})
    monkeypatch.setattr("d2b_ray.store.lease.time", still)
    with lease(store, silence_s=60) as held:
        assert held.fence.generation == 2


def test_of_many_that_ask_at_once_one_gets_the_root(store):
    """Each sees the silent holder off, and then, but for one, that the winner's heart beats."""
    abandoned(store)
    taken, refused = [], []
    done = threading.Barrier(5)

    def ask():
        try:
            with lease(store, silence_s=MANY_S) as held:
                taken.append(held.fence.generation)
                done.wait()
        except LeaseError:
            refused.append(1)
            done.wait()

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (taken, len(refused)) == ([2], 4)


def test_nothing_lands_after_the_lease_was_lost(store):
    with lease(store) as held:
        mine = store.fenced(held.fence)
        mine.write_bytes("a", b"1")
        abandoned(store, generation=2)  # somebody took over
        for write in (
            lambda: mine.write_bytes("a", b"2"),
            lambda: mine.write_json("b.json", 1),
            lambda: mine.create_exclusive("c", b"1"),
            lambda: mine.remove("a"),
            lambda: mine.remove_tree("a"),
        ):
            with pytest.raises(LeaseError, match="another run has taken over"):
                write()
        assert store.read_bytes("a") == b"1"
        while held.lost is None:  # the heart notices by itself
            time.sleep(0.01)
    assert not holder(store).ended  # and did not end the other's lease


def test_a_fence_travels(store):
    with lease(store) as held:
        fenced = pickle.loads(pickle.dumps(store.fenced(held.fence)))
        fenced.write_bytes("a", b"1")
        assert pickle.loads(pickle.dumps(held.fence)) == Fence(store.url, 1)
    assert store.read_bytes("a") == b"1"


def test_the_beat_carries_progress(store):
    with lease(store) as held:
        held.tell(lambda: {"rate": 2})
        while not (holder(store).beat or {}).get("run"):
            time.sleep(0.01)
        assert holder(store).beat["run"] == {"rate": 2}
    assert json.loads(store.read_bytes(Layout.beat(1)))["ended"]


def test_in_memory_too():
    store = Store("memory://lease-test")
    try:
        with lease(store), pytest.raises(LeaseError), lease(store, silence_s=PATIENT_S):
            pass
    finally:
        store.remove_tree("lease")


def test_a_store_that_writes_over_what_it_should_create_is_told(store, monkeypatch):
    """As object stores without conditional writes do."""
    said = []
    with lease(store, said):
        assert not said

    def written(self, path, data):
        self.write_json(path, json.loads(data))
        return True

    monkeypatch.setattr(Store, "create_exclusive", written)
    with lease(store, said):
        assert any("no conditional writes" in line for line in said)
