"""Exclusive creation under pressure: processes that race, disks without hard links, failures."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from d2b_ray.errors import StoreError
from d2b_ray.store import Store

CREATOR = """
import sys
from d2b_ray.store import Store

store = Store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(store.create_exclusive("deep/lease", sys.argv[2].encode()), flush=True)
"""


def test_of_eight_processes_one_wins(tmp_path):
    command = [sys.executable, "-c", CREATOR, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([*command, str(n)], **pipes) for n in range(8)]
    try:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 8
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate()[0].strip() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert sorted(said) == ["False"] * 7 + ["True"]
    store = Store(str(tmp_path))
    assert store.read_bytes("deep/lease") == str(said.index("True")).encode()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["lease"]


@pytest.fixture
def no_hard_links(monkeypatch):
    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("no_hard_links")
def test_without_hard_links_one_wins_too(tmp_path):
    store = Store(str(tmp_path))
    assert store.create_exclusive("lease", b"first")
    assert not store.create_exclusive("lease", b"second")
    assert store.read_bytes("lease") == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["lease"]


@pytest.mark.usefixtures("no_hard_links")
def test_without_hard_links_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch):
    forced = []

    def full(handle):
        forced.append(handle)
        if len(forced) == 2:  # the temporary file fits, the lease does not
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="the disk is full"):
        Store(str(tmp_path)).create_exclusive("lease", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_write_onto_a_folder_is_told_and_leaves_nothing(tmp_path):
    (tmp_path / "x" / "y").mkdir(parents=True)
    with pytest.raises(StoreError, match="a folder stands where a file is needed"):
        Store(str(tmp_path)).write_bytes("x", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
