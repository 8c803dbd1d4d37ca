"""What all tests share: a quiet, short-pathed Ray; no network; no writing outside temporary folders."""

from __future__ import annotations

import os
import tempfile

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # tests start clusters of their own, on loopback


@pytest.fixture(scope="session")
def ray_folder():
    """A temporary folder for Ray, short enough for its sockets (107 bytes)."""
    with tempfile.TemporaryDirectory(prefix="d2b", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.fixture
def rng():
    """A generator with a fixed seed."""
    import numpy as np

    return np.random.default_rng(20240711)
