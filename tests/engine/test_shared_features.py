"""Two studies that share a features root: each reads its own features, or says that it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from problems import Quiet, tiny_sweep

from d2b_ray.engine.session import run_sweep
from d2b_ray.store import Store

ONE = ("dataset.subjects=[DM01]", "features.llm.annotation=story", "features.llm.layers=[3]",
       "significance.test=none")  # fmt: skip
OTHER = ("features.llm.join=sorted", "features.llm.window=3", "features.llm.dtype=bfloat16")
FIRST = ("features.llm.window=3",)  # the same folder: join and dtype are not in its name


def run(root, folder, name, *overrides):
    options = (*ONE, f"output.features={folder}/features", *overrides)
    return run_sweep(tiny_sweep(root, folder / name, *options), Quiet(), engine="inline")


def scores(folder, name, delays="TR3_5s"):
    (path,) = (folder / name).glob(f"encoding/DM01/scores/{delays}/*/*/*/*/cc_raw.npy")
    return np.load(path)


@pytest.mark.parametrize("more", [(), ("output.keep_texts=false",)])
def test_one_after_the_other_both_are_right(tiny_root, tmp_path, more):
    """The second puts its features in the place of the first's, which then makes its own anew."""
    assert run(tiny_root, tmp_path, "first", *FIRST, *more).ok
    assert run(tiny_root, tmp_path, "other", *OTHER, *more).ok
    again = run(tiny_root, tmp_path, "first", *FIRST, *more, "fits.0.delays.end=6")
    assert again.ok
    assert again.executed["extract"] == 1
    for name, options in (("first", FIRST), ("other", OTHER)):
        alone = (*ONE, *options)
        for end in (5, 6) if name == "first" else (5,):
            spec = tiny_sweep(
                tiny_root, tmp_path / f"{name}{end}", *alone, f"fits.0.delays.end={end}"
            )
            assert run_sweep(spec, Quiet(), engine="inline").ok
            found = scores(tmp_path, name, f"TR3_{end}s")
            np.testing.assert_array_equal(found, scores(tmp_path, f"{name}{end}", f"TR3_{end}s"))


def test_what_keeps_no_texts_leaves_those_of_others(tiny_root, tmp_path):
    assert run(tiny_root, tmp_path, "first").ok
    store = Store(str(tmp_path / "features"))
    kept = set(store.list("stim_features/texts/"))
    assert kept
    other = ("features.llm.tokens=last", "output.keep_texts=false")
    assert run(tiny_root, tmp_path, "other", *other).ok
    assert set(store.list("stim_features/texts/")) == kept


def test_features_that_are_replaced_under_a_run_fail_it_in_one_line(
    tiny_root, tmp_path, monkeypatch
):
    """Side by side: the other writes between the extraction of the first and its design."""
    from d2b_ray.steps import table

    design = table.STEPS["design"]

    def late(task, values, cache, device):
        monkeypatch.setitem(table.STEPS, "design", design)
        assert run(tiny_root, tmp_path, "other", *OTHER).ok
        return design(task, values, cache, device)

    monkeypatch.setitem(table.STEPS, "design", late)
    first = run(tiny_root, tmp_path, "first", *FIRST)
    (message,) = first.failed.values()
    assert "another study has put its features here (dtype: bfloat16, join: sorted)" in message
    assert (
        run(tiny_root, tmp_path, "first", *FIRST, "output.save=[scores]").executed["extract"] == 1
    )
    assert run_sweep(
        tiny_sweep(tiny_root, tmp_path / "first", *ONE, *FIRST, f"output.features={tmp_path}/features"),
        Quiet(), engine="inline", retry_failed=True,
    ).ok  # fmt: skip
