"""Frames and sound in shards of runs: extractors share a model's, a killed one's is done elsewhere."""

from __future__ import annotations

from collections import Counter

import pytest
from drill import Drill, before
from media_problem import RUNS, media_yaml
from problems import Quiet
from stores import assert_equal_stores, records

from d2b_ray.engine.session import prepare, run_sweep
from d2b_ray.plan import estimate
from d2b_ray.spec import parse

SHARDS = "resources.extract.shard_s=10"  # runs last 8 and 9 seconds: each is a shard
PER_SET, SETS = len(RUNS), 4  # see, film, hear, both
TEXTS = 1  # the few texts of the sweep are a shard in any case


@pytest.fixture
def root(media_root):
    return media_root


@pytest.fixture
def models(media_models):
    return media_models


@pytest.fixture
def whole(media_store):
    """The sweep without shards."""
    return media_store


@pytest.fixture
def drill(tmp_path, monkeypatch):
    made = Drill(tmp_path / "drill")
    monkeypatch.setenv("D2B_DRILL", str(made.folder))
    monkeypatch.setattr("d2b_ray.steps.execute.before_unit", before)
    return made


def test_records_of_layers_take_the_place_of_shards(root, models, whole, tmp_path):
    sweep = parse(media_yaml(root, models, tmp_path / "out"), [SHARDS])
    sweep_run = prepare(sweep, Quiet()).sweep_run
    plan = sweep_run.plan
    (both,) = (e for e in estimate(plan, sweep_run.world.sizes) if e.kind == "shard")
    assert both.units == SETS * PER_SET + TEXTS
    summary = run_sweep(sweep, Quiet(), engine="inline")
    assert summary.executed["shard"] == SETS * PER_SET + TEXTS
    assert_equal_stores(whole, tmp_path / "out")
    found, expected = records(tmp_path / "out"), records(whole)
    assert {r["kind"] for r in found.values()} == {"feature", "shard", "commit", "gather"}
    for path, record in found.items():
        assert record["bytes"] == expected[path]["bytes"] or record["kind"] == "gather"
        assert record["extra"].get("model") == expected[path]["extra"].get("model")
    again = prepare(sweep, Quiet()).sweep_run
    assert again.control.finished
    assert not again.plan.of("shard")


def test_a_shard_that_is_finished_is_not_done_again(root, models, whole, tmp_path, drill):
    """One of four fails; the next run does that one, joins them, and goes on."""
    label = f"extract sound {models}/ast audio C_001"
    drill.script({label: ["error"]})
    sweep = parse(media_yaml(root, models, tmp_path / "out"), [SHARDS])
    summary = run_sweep(sweep, Quiet(), engine="inline")
    assert list(summary.failed) == [label]
    kinds = Counter(r["kind"] for r in records(tmp_path / "out").values())
    assert kinds["shard"] == PER_SET - 1 + TEXTS
    untouched = run_sweep(sweep, Quiet(), engine="inline")
    assert list(untouched.failed) == [label]
    assert "shard" not in untouched.executed
    mended = run_sweep(sweep, Quiet(), engine="inline", retry_failed=True)
    assert mended.ok
    assert (mended.executed["shard"], mended.executed["extract"]) == (1, 1)
    assert_equal_stores(whole, tmp_path / "out")


def test_features_made_in_shards_are_found_again_in_a_shared_root(root, models, tmp_path):
    """Their folders are claimed with the inputs of the set, not with those of a shard."""
    shared = f"output.features={tmp_path / 'features'}"
    sweep = parse(media_yaml(root, models, tmp_path / "out"), [SHARDS, shared])
    assert run_sweep(sweep, Quiet(), engine="inline").ok
    assert prepare(sweep, Quiet()).sweep_run.control.finished


def test_a_shard_of_other_layers_is_none(root, models, tmp_path, drill):
    drill.script({f"extract frames {models}/vit vision C_001": ["error", "error"]})
    before = parse(media_yaml(root, models, tmp_path / "out"), [SHARDS])
    assert not run_sweep(before, Quiet(), engine="inline").ok
    more = parse(
        media_yaml(root, models, tmp_path / "out"), [SHARDS, "features.see.layers=[1, 2, 3]"]
    )
    sweep_run = prepare(more, Quiet(), retry_failed=True).sweep_run
    states = Counter(
        (unit.params["set"]["source"], sweep_run.control.state[unit.key])
        for unit in sweep_run.plan.of("shard")
        if unit.params.get("set", {}).get("modality") == "vision"
    )  # fmt: skip
    assert states == {("frames", "ready"): 4, ("video", "done"): 3, ("video", "ready"): 1}
    assert run_sweep(more, Quiet(), engine="inline", retry_failed=True).ok


def test_other_options_in_the_same_folder_undo_finished_shards(root, models, tmp_path, drill):
    label = f"extract frames {models}/vit vision C_001"
    drill.script({label: ["error", "error"]})
    sweep = parse(media_yaml(root, models, tmp_path / "out"), [SHARDS])
    assert not run_sweep(sweep, Quiet(), engine="inline").ok
    drill.script({})
    bands = "{a: {from: see, layers: 3}, w: {from: words}}"
    small = ["features.see.frame_size=24", "fits.0.features=[see]", f"fits.1.bands={bands}"]
    other = parse(media_yaml(root, models, tmp_path / "out"), small)
    assert run_sweep(other, Quiet(), engine="inline", retry_failed=True).ok
    sweep_run = prepare(sweep, Quiet(), retry_failed=True).sweep_run
    states = [
        sweep_run.control.state[unit.key]
        for unit in sweep_run.plan.of("shard")
        if unit.params.get("set", {}).get("frame_size") == 32
    ]
    assert states == ["ready"] * PER_SET
