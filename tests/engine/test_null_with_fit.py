"""A null drawn by the fit that it tests, where the prediction is: the bytes of a null of CPU workers."""

from __future__ import annotations

import numpy as np
import pytest
from problems import Quiet, banded_sweep, tiny_sweep
from stores import contents

from d2b_ray.encoding.on_device import DeviceResponses
from d2b_ray.engine.session import run_sweep
from d2b_ray.steps.table import STEPS
from d2b_ray.steps.worker_cache import WorkerCache

LEAN = ("output.save=[scores,pvalues,alphas]", "resources.permute.voxels=7")


@pytest.fixture
def placed(monkeypatch):
    """Responses "on a device", which is the CPU: all that a GPU worker does, without one."""
    fits = []

    def there(cache, subject, kept, device, *, intercept, columns):
        train, valid = (cache.responses(subject, role, kept) for role in ("TRAIN", "VALID"))
        return DeviceResponses.of(train, valid, "cpu", intercept=intercept)

    own = STEPS["fit"]

    def watched(*given):
        fits.append(own(*given))
        return fits[-1]

    monkeypatch.setattr(WorkerCache, "placed", there)
    monkeypatch.setitem(STEPS, "fit", watched)
    return fits


def assert_alike(one, other):
    """The same files; counts of the null equal, all else but for float32 products in another order.

    Of voxels with a penalty of 1e-12 either way is 1e-4 deviations of the prediction off float64; the two
    differed by 1.3e-6 in a correlation, on one processor.
    """
    first, second = contents(one), contents(other)
    assert first.keys() == second.keys()
    arrays = [path for path in first if path.endswith(".npy")]
    assert arrays
    for path in arrays:
        mine, theirs = (np.load(root / path) for root in (one, other))
        exact = "_counts_" in path or "pvalues" in path or "alphas" in path
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=0 if exact else 5e-6, err_msg=path)


def run(sweep):
    summary = run_sweep(sweep, Quiet(), engine="inline")
    assert summary.ok, summary.failed


@pytest.mark.parametrize(
    ("make", "overrides"),
    [
        (tiny_sweep, ()),
        (tiny_sweep, ("significance.within_runs=true", "significance.block_trs=7")),
        (tiny_sweep, ("significance.null=pooled",)),
        (tiny_sweep, ("resources.permute.num_gpus=0",)),
        (tiny_sweep, ("output.save=[scores,pvalues,coef,predictions]",)),
        (banded_sweep, ()),
        (banded_sweep, ("significance.rule=drama2brain",)),
    ],
)
def test_the_same_store(tiny_root, tmp_path, request, make, overrides):
    few = (*LEAN, *overrides)
    run(make(tiny_root, tmp_path / "workers", *few))
    fits = request.getfixturevalue("placed")
    run(make(tiny_root, tmp_path / "with_fit", *few))
    assert_alike(tmp_path / "workers", tmp_path / "with_fit")
    drawn = not {"significance.null=pooled", "resources.permute.num_gpus=0"} & set(overrides)
    kept = not drawn or any("predictions" in one for one in overrides)
    assert fits
    for fit in fits:
        assert bool(fit.drawn) == drawn
        assert bool(len(fit.prediction)) == kept
        if fit.bands is not None:
            assert fit.bands.prediction.shape[1] == (len(fit.prediction) if kept else 0)


def test_an_interrupted_sweep_goes_on(tiny_root, tmp_path, placed, monkeypatch):
    """A null that fails once is made from the fit's own counts; more permutations are drawn by a new fit."""
    sweep = tiny_sweep(tiny_root, tmp_path / "out", *LEAN)
    own, failed = STEPS["null"], []

    def first_fails(task, values, cache, device):
        if not failed:
            failed.append(task.unit.key)
            raise MemoryError("planted")
        return own(task, values, cache, device)

    monkeypatch.setitem(STEPS, "null", first_fails)
    run(sweep)
    assert failed
    more = "significance.permutations=60"
    run(tiny_sweep(tiny_root, tmp_path / "out", *LEAN, more))
    run(tiny_sweep(tiny_root, tmp_path / "at_once", *LEAN, more))
    extended, whole = (
        {
            p.relative_to(tmp_path / at): np.load(p)
            for p in (tmp_path / at).glob("encoding/**/pvalues*.npy")
        }
        for at in ("out", "at_once")
    )
    assert extended.keys() == whole.keys()
    assert all(np.array_equal(extended[path], whole[path]) for path in extended)
