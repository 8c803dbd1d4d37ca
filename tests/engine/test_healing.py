"""A store that was damaged: it is noticed, only what is needed is made again, and the bytes are the same."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest
from problems import Quiet, common_sweep, tiny_sweep
from stores import assert_equal_stores, records

from d2b_ray.engine.session import prepare, run_sweep
from d2b_ray.steps import table

LESS = ("features.llm.layers=1", "compare=[{by: annotation}]", "dataset.subjects=[S1, S2]",
        "significance.ceiling=none")  # fmt: skip


@pytest.fixture(scope="module")
def whole(common_root, tmp_path_factory):
    out = tmp_path_factory.mktemp("healing") / "out"
    assert run_sweep(common_sweep(common_root, out, *LESS), Quiet(), engine="inline").ok
    return out


# which file of the store -> kinds of units that are done again, and how often
DAMAGE = {
    "encoding/S1/**/cc_raw.npy": {"fit": 1, "commit": 1, "gather": 1},
    "encoding/S1/**/fit.json": {"fit": 1, "commit": 1, "gather": 1},
    "encoding/S1/**/null40_counts_raw.npy": {"fit": 1, "commit": 1, "gather": 1},
    "tables/voxels/S2/*.parquet": {"fit": 1, "commit": 1, "gather": 1},
    "comparisons/S1/*/difference.npy": {"compare": 1, "gather": 1},
    "report/index.html": {"gather": 1},
    "tables/fits.parquet": {"gather": 1},
    "units/commit/*.json": {"fit": 1, "commit": 1, "gather": 1},
    "units/gather/*.json": {"gather": 1},
}


CUT = ("encoding/S1/**/fit.json", "tables/fits.parquet", "units/gather/*.json")


@pytest.mark.parametrize(
    ("pattern", "hurt"), [*((p, "removed") for p in DAMAGE), *((p, "cut") for p in CUT)]
)
def test_what_is_gone_or_cut_is_made_again_and_nothing_else(
    whole, common_root, tmp_path, pattern, hurt
):
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    sweep = common_sweep(common_root, out, *LESS)
    path = min(out.glob(pattern))
    before = records(out)
    path.unlink() if hurt == "removed" else path.write_bytes(path.read_bytes()[:10])
    state = prepare(sweep, Quiet()).sweep_run
    assert not state.control.finished
    name = path.relative_to(out).as_posix()
    if hurt == "cut" or not pattern.startswith("units/"):
        assert any(name in reason for reason in state.state.stale.values()), state.state.stale
    summary = run_sweep(sweep, Quiet(), engine="inline")
    assert summary.ok
    for kind, count in DAMAGE[pattern].items():
        assert summary.executed[kind] == count, summary.executed
    assert set(summary.executed) <= {
        *DAMAGE[pattern], "design", "factorize", "null", "bootstrap", "compare",
    }  # fmt: skip
    assert_equal_stores(whole, out)
    kinds = Counter(record["kind"] for record in records(out).values())
    assert kinds == Counter(record["kind"] for record in before.values())
    assert prepare(sweep, Quiet()).sweep_run.control.finished


def test_features_that_are_gone_are_made_again_once_something_reads_them(
    tiny_root, inline_store, tmp_path
):
    from problems import tiny_sweep

    out = tmp_path / "out"
    shutil.copytree(inline_store, out)
    (gone, *_) = sorted(out.glob("stim_features/semantic/*/*/layer1/*.npy"))
    gone.unlink()
    assert prepare(tiny_sweep(tiny_root, out), Quiet()).sweep_run.control.finished
    more = tiny_sweep(tiny_root, out, "fits.0.delays.end=6")
    summary = run_sweep(more, Quiet(), engine="inline")
    assert summary.ok, summary.failed
    assert summary.executed["extract"] == 1
    assert gone.is_file()


def test_features_that_vanish_during_a_run_cost_their_units_and_the_next_run_makes_them(
    tiny_root, inline_store, tmp_path, monkeypatch
):
    """One file goes when the first design has been made; the others go on."""
    out, gone = tmp_path / "out", []
    made = table.STEPS["design"]

    def design(task, values, cache, device):
        found = made(task, values, cache, device)
        if not gone:
            gone.append(max(out.glob("stim_features/semantic/*/*/layer*/*_001.npy")))
            gone[0].unlink()
        return found

    monkeypatch.setitem(table.STEPS, "design", design)
    first = run_sweep(tiny_sweep(tiny_root, out), Quiet(), engine="inline")
    assert 0 < len(first.failed) < 4
    assert all("is gone since this run looked" in message for message in first.failed.values())
    assert first.executed["commit"] > 0
    again = run_sweep(tiny_sweep(tiny_root, out), Quiet(), engine="inline", retry_failed=True)
    assert again.ok
    assert_equal_stores(inline_store, out)
