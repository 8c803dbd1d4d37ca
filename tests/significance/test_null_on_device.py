"""The null where the prediction is: counts of the CPU's loop, ties and all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from autocorrelated import ar1

from d2b_ray.significance import block_null
from d2b_ray.significance.on_device import block_null_on_device, can_table


def series(n, voxels, seed=0):
    rng = np.random.default_rng(seed)
    response = ar1(n, voxels, 0.7, rng).astype(np.float32)
    prediction = (0.1 * response + rng.standard_normal((n, voxels))).astype(np.float32)
    response[:, 3] = 2  # constant
    return prediction, response


def on_device(prediction, response, voxels, **options):
    there = torch.from_numpy(prediction)
    return block_null_on_device(
        lambda own: there[:, own], torch.from_numpy(response), voxels, **options
    )


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize(
    ("n", "block", "runs"),
    [
        (777, 10, None), (780, 10, None), (777, 10, (200, 203, 374)), (500, 37, (250, 250)), (60, 20, None),
        (61, 20, None), (40, 40, None),
    ],
)  # fmt: skip
def test_counts_of_the_cpu(n, block, runs, corrected):
    prediction, response = series(n, 70)
    options = {"start": 5, "stop": 205, "seed": 3, "block_trs": block, "runs": runs}
    here = block_null(prediction, response, corrected=corrected, **options)
    for own in (slice(0, 70), slice(11, 50)):
        there = on_device(prediction, response, own, corrected=corrected, **options)
        np.testing.assert_array_equal(there.exceed, here.exceed[own])
        np.testing.assert_array_equal(there.above, here.above[own])
        assert (there.n_null, there.start, there.first) == (200, 5, own.start)
    whole = on_device(prediction, response, slice(0, 70), corrected=corrected, **options)
    np.testing.assert_allclose(whole.maxima, here.maxima, atol=2e-7)


def test_another_observed_value():
    prediction, response = series(300, 40)
    observed = np.linspace(-0.1, 0.1, 40, dtype=np.float32)
    options = {"start": 0, "stop": 100, "seed": 1, "observed": observed}
    here = block_null(prediction, response, **options)
    there = on_device(prediction, response, slice(0, 40), **options)
    np.testing.assert_array_equal(there.exceed, here.exceed)


def test_an_order_that_changes_nothing_ties():
    """Two blocks have two orders: about a half of the permutations give the observed value itself."""
    prediction, response = series(50, 30)
    response[:, 3] = prediction[:, 3]
    counts = on_device(prediction, response, slice(0, 30), start=0, stop=400, seed=0, block_trs=25)
    ties = counts.exceed - counts.above
    assert (ties == ties[0]).all()
    assert 150 < ties[0] < 250


def test_very_short_blocks_are_left_to_the_cpu():
    assert can_table(7737, 10, None)
    assert not can_table(7737, 1, None)
    assert can_table(7737, 1, [300] * 25 + [237])  # within runs there are few places


WITH_KERNEL = """
import numpy, torch
from d2b_ray.significance import block_null, block_table
from d2b_ray.significance.triton_table import block_products
block_table._kernel = lambda device: block_products
from test_null_on_device import on_device as there, series
for n, block, runs in ((97, 10, None), (97, 7, (40, 57)), (60, 20, None)):
    x, y = series(n, 70)
    options = {"start": 0, "stop": 60, "seed": 3, "block_trs": block, "runs": runs, "corrected": True}
    one, other = block_null(x, y, **options), there(x, y, slice(0, 70), **options)
    assert (one.exceed == other.exceed).all() and (one.above == other.above).all(), (n, block, runs)
    numpy.testing.assert_allclose(other.maxima, one.maxima, atol=2e-7)
"""


def test_the_kernel_interpreted():
    """Where Triton is (it comes with torch for CUDA), its kernel run by its interpreter."""
    pytest.importorskip("triton")
    here = Path(__file__).parent
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WITH_KERNEL], cwd=here, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


ON_STAND_IN = """
import torch
from stand_in_device import COUNTS, DEVICE, StandIn
from test_null_on_device import series
from d2b_ray.significance import block_null
from d2b_ray.significance.on_device import block_null_on_device
torch.set_num_threads(1)
x, y = series(77, 40)
options = {"start": 0, "stop": 60, "seed": 3, "block_trs": 10, "corrected": True}
here = block_null(x, y, **options)
with StandIn():
    fixed, moved = (torch.from_numpy(one).to(DEVICE) for one in (x, y))
    COUNTS.clear()
    there = block_null_on_device(lambda own: fixed[:, own], moved, slice(0, 40), **options)
assert (here.exceed == there.exceed).all()
assert (COUNTS["up"], COUNTS["down"], COUNTS["waits"]) <= (3, 2, 0), COUNTS
"""


def test_on_a_device_nothing_waits_but_for_the_counts():
    """On a GPU made of CPU tensors: orders and places go there, counts and maxima come back."""
    here = Path(__file__).parent
    folders = os.pathsep.join([str(here.parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", ON_STAND_IN], cwd=here, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": folders},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
