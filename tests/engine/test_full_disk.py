"""A disk that is really full: the sweep stops, says so, and goes on when there is room again."""

from __future__ import annotations

import subprocess

import pytest
from problems import Quiet, words_sweep
from stores import assert_equal_stores, records

from d2b_ray.engine.session import run_sweep


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own that `resize` can make larger; needs the right to mount."""
    place = tmp_path / "disk"
    place.mkdir()

    def resize(size: str, *, again: bool = True) -> None:
        options = f"remount,size={size}" if again else f"size={size}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)

    try:
        resize("500k", again=False)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a file system")
    try:
        yield place, resize
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_stops_the_sweep_and_loses_nothing(words_root, words_store, small_disk):
    place, resize = small_disk
    sweep = words_sweep(words_root, place / "out")
    watcher = Quiet()
    summary = run_sweep(sweep, watcher, engine="inline", ignore_space=True)
    assert not summary.ok
    assert "the disk is full" in summary.stopped
    assert sum(line.startswith("STOPPED") for line in watcher.lines) == 1
    before = records(place / "out")
    assert before  # it got somewhere
    resize("50m")
    assert run_sweep(sweep, Quiet(), engine="inline").ok
    after = records(place / "out")
    assert {path: after[path] for path in before} == before
    assert_equal_stores(words_store, place / "out")
