"""A sweep over every modality, run once by the reference engine."""

from __future__ import annotations

import pytest
from media_problem import media_yaml, write_media, write_models
from problems import Quiet

from d2b_ray.engine.session import run_sweep
from d2b_ray.spec import parse


@pytest.fixture(scope="session")
def media_root(tmp_path_factory):
    """Frames, films, sound and captions of seconds; read-only by agreement."""
    return write_media(tmp_path_factory.mktemp("media") / "data")


@pytest.fixture(scope="session")
def media_models(tmp_path_factory):
    """Tiny models of every kind; read-only by agreement."""
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def media_store(media_root, media_models, tmp_path_factory):
    """The sweep over them, whole sets at a time; read-only by agreement."""
    out = tmp_path_factory.mktemp("media_store") / "out"
    summary = run_sweep(parse(media_yaml(media_root, media_models, out)), Quiet(), engine="inline")
    assert summary.ok, summary.failed
    assert summary.executed["shard"] == 1  # the few texts
    return out
