"""A whole sweep on a GPU, without Ray: what the CPU finds, nulls drawn where they are predicted."""

from __future__ import annotations

import numpy as np
import pytest
from problems import Quiet, banded_sweep, tiny_sweep
from stores import contents

from d2b_ray.engine.session import run_sweep
from d2b_ray.steps.device import DEVICE_VARIABLE
from d2b_ray.steps.table import STEPS

LEAN = ("output.save=[scores,pvalues]", "resources.permute.voxels=7", "output.figures=false")


@pytest.mark.gpu
@pytest.mark.parametrize("make", [tiny_sweep, banded_sweep])
def test_a_sweep_on_a_gpu(tiny_root, tmp_path, monkeypatch, make):
    fits, own = [], STEPS["fit"]

    def watched(*given):
        fits.append(own(*given))
        return fits[-1]

    def run(name):
        summary = run_sweep(make(tiny_root, tmp_path / name, *LEAN), Quiet(), engine="inline")
        assert summary.ok, summary.failed

    monkeypatch.setitem(STEPS, "fit", watched)
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    run("cpu")
    assert not any(fit.drawn for fit in fits)
    fits.clear()
    monkeypatch.delenv(DEVICE_VARIABLE)
    run("gpu")
    assert fits
    assert all(fit.drawn and not len(fit.prediction) for fit in fits)
    here, there = contents(tmp_path / "cpu"), contents(tmp_path / "gpu")
    assert here.keys() == there.keys()
    checked = 0
    for path in here:
        if not path.endswith(".npy"):
            continue
        one, other = (np.load(tmp_path / name / path) for name in ("cpu", "gpu"))
        if "cc" in path.rsplit("/", 1)[1]:
            # where two penalties, or weights of bands, are as good, a rounding chooses between them
            atol = 5e-3 if "banded" in make.__name__ else 2e-4
            np.testing.assert_allclose(one, other, rtol=0, atol=atol, err_msg=path)
            checked += 1
        if (
            "_counts_" in path
        ):  # features differ by rounding, so that a few null values change sides
            assert np.abs(one.astype(int) - other).max() <= 1, path
    assert checked
