"""Crashes of writers on a disk: readers see the old file or the new one."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from d2b_ray.store import Store
from d2b_ray.store.disk import Disk

SLOW_WRITER = """
import sys, time
from d2b_ray.store.disk import Disk

def parts():
    yield b"half"
    print("writing", flush=True)
    time.sleep(60)
    yield b"whole"

Disk(sys.argv[1]).write("x", parts())
"""


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    store = Store(str(tmp_path))
    store.write_bytes("x", b"old")
    command = [sys.executable, "-c", SLOW_WRITER, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(list(tmp_path.iterdir())) == 2  # the temporary file is there ...
    assert store.list() == ("x",)  # ... but no file of the store
    assert store.read_bytes("x") == b"old"
    store.write_bytes("x", b"new")
    assert store.read_bytes("x") == b"new"


def test_a_failing_write_cleans_up(tmp_path):
    def parts():
        yield b"half"
        raise RuntimeError("no more")

    disk = Disk(str(tmp_path))
    disk.write("x", [b"old"])
    with pytest.raises(RuntimeError):
        disk.write("x", parts())
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert disk.read("x") == b"old"


def test_of_many_creators_one_wins(tmp_path):
    store = Store(str(tmp_path))
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda n: store.create_exclusive("lease", b"%d" % n), range(64)))
    assert sum(won) == 1
    assert store.read_bytes("lease") == b"%d" % won.index(True)
    assert store.list() == ("lease",)


def test_only_temporary_files_of_a_store_are_passed_over(tmp_path):
    store = Store(str(tmp_path))
    store.write_bytes("d/x", b"1")
    (tmp_path / "d" / ".x.4711-0a1b2c3d4e5f.tmp").write_bytes(b"half")
    (tmp_path / "d" / "x.tmp").write_bytes(b"a user's")
    (tmp_path / "d" / ".x.tmp").write_bytes(b"a user's")
    assert store.list() == ("d/.x.tmp", "d/x", "d/x.tmp")
    assert store.list("d/.x") == ("d/.x.tmp",)
    store.remove_tree("d")
    assert list(tmp_path.iterdir()) == []  # half-written files go with their folder


def test_leftovers_of_killed_writers_are_removed_and_nothing_else(tmp_path):
    store = Store(str(tmp_path))
    store.write_bytes("d/x", b"1")
    left = [tmp_path / "d" / ".x.4711-0a1b2c3d4e5f.tmp", tmp_path / ".y.1-0a1b2c3d4e5f.tmp"]
    for path in left:
        path.write_bytes(b"half")
    (tmp_path / "d" / ".x.tmp").write_bytes(b"a user's")
    assert store.remove_leftovers() == 2
    assert not any(path.exists() for path in left)
    assert store.list() == ("d/.x.tmp", "d/x")
