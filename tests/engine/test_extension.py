"""More permutations later: those that are counted are kept, the result is that of all at once."""

from __future__ import annotations

import pytest
from problems import MODEL, Quiet, tiny_sweep
from stores import assert_equal_stores, contents

from d2b_ray.engine.session import run_sweep
from d2b_ray.steps import committing as commits

ONE = ("dataset.subjects=[DM01]", "features.llm.annotation=story", "features.llm.layers=[1]")
BANDED = (
    "{kind: banded, bands: {a: {from: llm}, b: {from: llm, layers: 3}}, search: {n_iter: 2}, %s}"
)
BANDS = (f"fits=[{BANDED % 'delays: {start: 3, end: 5}'}]",)


def run(root, out, permutations, *overrides):
    sweep = tiny_sweep(root, out, *ONE, f"significance.permutations={permutations}", *overrides)
    watcher = Quiet()
    summary = run_sweep(sweep, watcher, engine="inline")
    assert summary.ok, watcher.lines
    return summary, watcher


@pytest.mark.parametrize(
    ("overrides", "first", "then", "computed"),
    [
        ((), 40, 70, ["40-60", "60-70"]),
        ((), 50, 70, ["50-60", "60-70"]),  # the block 40-60 was half done
        (("significance.null=pooled",), 40, 60, ["40-60"]),
        (("significance.test=gauss",), 20, 40, ["20-40"]),
        (("significance.rule=drama2brain",), 20, 40, ["20-40"]),
        (BANDS, 20, 40, ["20-40"]),
    ],
)
def test_only_what_is_missing_is_permuted(
    tiny_root, tmp_path, overrides, first, then, computed, caplog
):
    run(tiny_root, tmp_path / "out", first, *overrides)
    with caplog.at_level("DEBUG", "d2b_ray.engine.sweep_run"):
        summary, watcher = run(tiny_root, tmp_path / "out", then, *overrides)
    started = [r.getMessage() for r in caplog.records if r.getMessage().startswith("start null")]
    assert [line.rpartition(" ")[2] for line in started] == computed
    assert "1 fits keep permutations" in watcher.lines[0]
    assert "extract" not in summary.executed
    run(tiny_root, tmp_path / "fresh", then, *overrides)
    assert_equal_stores(tmp_path / "fresh", tmp_path / "out")


def test_another_correction_permutes_nothing(tiny_root, tmp_path):
    run(tiny_root, tmp_path / "out", 40)
    summary, _ = run(tiny_root, tmp_path / "out", 40, "significance.correction=max")
    assert "null" not in summary.executed
    run(tiny_root, tmp_path / "fresh", 40, "significance.correction=max")
    assert_equal_stores(tmp_path / "fresh", tmp_path / "out")


@pytest.mark.parametrize(
    "change", ["significance.seed=7", "significance.block_trs=20", "fits.0.alphas=[1.0, 10.0]"]
)
def test_another_null_begins_from_nothing(tiny_root, tmp_path, change):
    run(tiny_root, tmp_path / "out", 20)
    summary, _ = run(tiny_root, tmp_path / "out", 40, change)
    assert summary.executed["null"] == 2


def test_fewer_permutations_begin_from_nothing(tiny_root, tmp_path):
    run(tiny_root, tmp_path / "out", 40)
    summary, _ = run(tiny_root, tmp_path / "out", 20)
    assert summary.executed["null"] == 1
    assert not [path for path in contents(tmp_path / "out") if "null40" in path]
    run(tiny_root, tmp_path / "fresh", 20)
    assert_equal_stores(tmp_path / "fresh", tmp_path / "out")
    run(tiny_root, tmp_path / "fresh", 40)  # and back: the tables are those of the last sweep
    run(tiny_root, tmp_path / "fresh", 20)
    assert_equal_stores(tmp_path / "fresh", tmp_path / "out")


def test_a_commit_that_is_cut_off_finds_the_counts_again(tiny_root, tmp_path, monkeypatch):
    run(tiny_root, tmp_path / "out", 20)
    written, cut = commits.record, []

    def cut_off(task, *rest, **more):
        if task.unit.kind == "commit" and not cut:
            cut.append(task.unit.label)
            raise MemoryError("drill")  # all files are written, the record is not
        return written(task, *rest, **more)

    monkeypatch.setattr(commits, "record", cut_off)
    summary, _ = run(tiny_root, tmp_path / "out", 40)
    assert cut == [f"commit DM01 story {MODEL} layer1 TR3-5"]
    assert summary.executed["null"] == 1
    run(tiny_root, tmp_path / "fresh", 40)
    assert_equal_stores(tmp_path / "fresh", tmp_path / "out")
