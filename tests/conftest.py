"""What all tests share: a quiet, short-pathed Ray; no network; no writing outside temporary folders."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import tempfile

import pytest

from d2b_ray.garbage import collect_seldom

pytest_plugins = ["gate_report"]

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # tests start clusters of their own, on loopback
os.environ.setdefault("D2B_RAY_LOGICAL_GPUS", "1")  # GPUs of tests are words
os.environ.setdefault("OMP_NUM_THREADS", "1")  # on small problems more threads wait for each other
if "NUMBA_CACHE_DIR" not in os.environ:  # loops are compiled once, not by every process
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="d2b-numba-")
    atexit.register(shutil.rmtree, os.environ["NUMBA_CACHE_DIR"], ignore_errors=True)
if "D2B_RAY_CACHE" not in os.environ:  # digests of large files: nothing of a user's is touched
    os.environ["D2B_RAY_CACHE"] = tempfile.mkdtemp(prefix="d2b-cache-")
    atexit.register(shutil.rmtree, os.environ["D2B_RAY_CACHE"], ignore_errors=True)

collect_seldom()
MODULES = 50  # of libraries: then there is much that stays
looked_at = 0


def pytest_runtest_setup():
    """What libraries leave in memory is not looked through by each collection of garbage.

    That was a fifth of the time of all tests.
    """
    global looked_at
    if len(sys.modules) > looked_at + MODULES:
        looked_at = len(sys.modules)
        gc.freeze()


def pytest_unconfigure():
    """What is left at the end is looked through once: some libraries tell what they then still find."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def ray_folder():
    """A temporary folder for Ray, short enough for its sockets (107 bytes)."""
    with tempfile.TemporaryDirectory(prefix="d2b", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.fixture(scope="module")
def short_folder():
    """The same for a cluster that several tests of a module use."""
    with tempfile.TemporaryDirectory(prefix="d2b", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.fixture
def rng():
    """A generator with a fixed seed."""
    import numpy as np

    return np.random.default_rng(20240711)


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory):
    """A small data set on disk; read-only by agreement."""
    from problems import write_tiny

    return write_tiny(tmp_path_factory.mktemp("tiny") / "data")


@pytest.fixture(scope="session")
def common_root(tmp_path_factory):
    """A small data set whose subjects share a space; read-only by agreement."""
    from problems import write_common

    return write_common(tmp_path_factory.mktemp("common") / "data")


@pytest.fixture(scope="session")
def common_store(common_root, tmp_path_factory):
    """The sweep over it run by the reference engine; read-only by agreement."""
    from problems import Quiet, common_sweep

    from d2b_ray.engine.session import run_sweep

    out = tmp_path_factory.mktemp("bounded") / "results"
    summary = run_sweep(common_sweep(common_root, out), Quiet(), engine="inline")
    assert summary.ok, summary.failed
    return out


@pytest.fixture(scope="session")
def words_root(tmp_path_factory):
    """The small data set with vectors of its words; read-only by agreement."""
    from problems import write_words

    return write_words(tmp_path_factory.mktemp("words") / "data")


@pytest.fixture(scope="session")
def words_store(words_root, tmp_path_factory):
    """The sweep over word vectors run by the reference engine; read-only by agreement."""
    from problems import Quiet, words_sweep

    from d2b_ray.engine.session import run_sweep

    out = tmp_path_factory.mktemp("words_store") / "results"
    summary = run_sweep(words_sweep(words_root, out), Quiet(), engine="inline")
    assert summary.ok
    assert summary.executed["fit"] == 4
    return out


@pytest.fixture(scope="session")
def inline_store(tiny_root, tmp_path_factory):
    """The tiny sweep run by the reference engine; read-only by agreement."""
    from problems import Quiet, tiny_sweep

    from d2b_ray.engine.session import run_sweep

    out = tmp_path_factory.mktemp("inline") / "results"
    summary = run_sweep(tiny_sweep(tiny_root, out), Quiet(), engine="inline")
    assert summary.ok
    assert summary.executed["fit"] == 8
    return out
