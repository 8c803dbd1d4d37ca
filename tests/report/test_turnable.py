"""A volume to walk through in the page: asks nothing of a network, the same values give the same bytes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from d2b_ray.arrays import Voxels
from d2b_ray.report import turnable as room
from d2b_ray.report.maps import read_space, space_bytes
from d2b_ray.report.turnable import VERTICES, turnable
from d2b_ray.store import Layout, Store

SHAPE = (4, 5, 6)  # z, y, x


@pytest.fixture
def space(tmp_path, rng):
    index = np.sort(rng.choice(int(np.prod(SHAPE)), 40, replace=False))
    voxels = Voxels(index, SHAPE, np.full(40, ""), np.diag([3.0, 3, 3, 1]))
    store = Store(str(tmp_path))
    store.write_bytes(Layout.space("S1"), space_bytes(voxels))
    return read_space(store, "S1")


def test_it_is_whole_and_always_the_same(space, rng):
    values = rng.random(40).astype(np.float32)
    values[3] = np.nan
    one, other = (turnable(values, space, "S1") for _ in range(2))
    assert one == other
    assert not re.findall(r"""(?:src|href)\s*=\s*["']https?:""", one)
    assert "data:image/png;base64," in one
    assert turnable(-values, space, "S1") != one


def test_what_cannot_be_walked_through_has_none(space, rng, monkeypatch):
    values = rng.random(40).astype(np.float32)
    assert turnable(np.full(40, np.nan), space, "S1") is None
    assert turnable(values, {**space, "shape": np.array([], int)}, "S1") is None
    monkeypatch.setattr(room, "find_spec", lambda name: None)
    assert turnable(values, space, "S1") is None  # without nilearn


def test_a_surface_to_turn_is_of_fsaverage5(rng):
    pytest.importorskip("nilearn")
    values = rng.random(2 * VERTICES).astype(np.float32)
    values[5] = np.nan
    space = {"shape": np.zeros(0, int), "surface": np.array([VERTICES, VERTICES])}
    one, other = (turnable(values, space, "S1") for _ in range(2))
    assert one == other
    assert not re.findall(r"""(?:src|href)\s*=\s*["']https?:""", one)
    assert len(one) < 4e6
    assert turnable(-values, space, "S1") != one
    assert turnable(values[:10], space | {"surface": np.array([5, 5])}, "S1") is None


def test_a_map_of_zeros_is_drawn(space):
    assert turnable(np.zeros(40, np.float32), space, "S1") is not None
