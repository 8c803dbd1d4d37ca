"""Damaged MATLAB v5 files are refused in words: scipy's reader may end the process on them."""

from __future__ import annotations

import io
import random
from contextlib import suppress

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from d2b_ray.data.mat_structure import check_structure

CELL = np.empty((1, 2), object)
CELL[0, 0], CELL[0, 1] = np.arange(3.0), "ctx-é"
CONTENTS = {
    "numbers": {"tvoxels": np.arange(1, 9)[:, None], "volume_shape": np.array([2, 3, 4])},
    "kinds": {name: np.ones((2, 3), name) for name in ("f4", "i2", "u1", "c16", "bool")},
    "cells": {"ROIs": {"name": "x", "labels": CELL, "voxels": CELL}, "text": "none"},
    "empty": {"nothing": np.zeros((0, 3)), "cell": np.empty((0, 0), object)},
}


def saved(name, **options) -> bytes:
    file = io.BytesIO()
    savemat(file, CONTENTS[name], **options)
    return file.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", CONTENTS)
def test_what_scipy_writes_holds_together(name, compressed):
    check_structure(saved(name, do_compression=compressed))


@pytest.mark.parametrize("name", ["numbers", "cells"])
def test_a_changed_byte_is_refused_or_leaves_a_file_that_can_be_read(name):
    """All that decides where scipy reads: tags, flags, dimensions, of every element."""
    content, rng, refused = saved(name), random.Random(5), 0
    for _ in range(300):
        damaged = bytearray(content)
        damaged[rng.randrange(128, len(content))] = rng.randrange(256)
        try:
            check_structure(bytes(damaged))
        except ValueError:
            refused += 1
            continue
        with suppress(Exception):  # any, as long as the process goes on
            loadmat(io.BytesIO(bytes(damaged)))
    assert refused > 30


def test_a_tag_of_no_kind_is_refused():
    """With scipy 1.17 this one ends the process."""
    content = bytearray(saved("numbers"))
    at = content.index(np.arange(1, 9).tobytes()) - 8
    content[at + 1] = 0x32
    with pytest.raises(ValueError, match="unknown kind 12"):
        check_structure(bytes(content))


@pytest.mark.parametrize("size", [0, 100, 130, 200])
def test_a_file_that_was_cut_is_refused(size):
    with pytest.raises(ValueError, match=r"header|cut short|beyond the end"):
        check_structure(saved("numbers")[:size])
