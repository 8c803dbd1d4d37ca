"""Distinct texts of a sweep: each is read once, whoever asks for it, in shards that extractors share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from drill import Drill
from drill import before as drill_before
from problems import MODEL, Quiet
from stores import assert_equal_stores, contents, records

from d2b_ray.engine.session import prepare, run_sweep
from d2b_ray.errors import ExtractionError
from d2b_ray.plan import estimate
from d2b_ray.spec import parse
from d2b_ray.store import Store
from d2b_ray.store import text_rows as textrows
from d2b_ray.store.text_rows import TextRows, write_rows

SMALL = "resources.extract.shard_texts=20"
SECONDS = 30
SAID = [f"{who} {does}" for who in ("a dog", "the girl", "rain", "nobody") for does in
        ("runs", "runs home", "sleeps", "waits beside the house", "says a word")]  # fmt: skip

SWEEP = """\
name: texts
dataset: {{layout: arrays, root: {root}}}
features:
  read: {{modality: semantic, annotation: story, model: {model}, layers: [1, 3]}}
fits:
  - {{kind: ridge, features: read, delays: {{start: 1, end: 1}}}}
significance: {{test: none}}
output: {{root: {out}, figures: false, report: tables}}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Levels `story` and `plot`, five annotators each; `echo` says of `story` what is heard twice."""
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("texts") / "data"
    (folder / "annotations").mkdir(parents=True)
    (folder / "responses" / "S1").mkdir(parents=True)
    lines = ["title,part,seconds,overlap,split_all,split_a,split_b,cv_group"]
    for part, role in enumerate(("TRAIN", "TRAIN", "TRAIN", "VALID"), start=1):
        lines.append(f"A,{part},{SECONDS},0,{role},,,{part}")
        rows = rng.standard_normal((SECONDS, 4)).astype(np.float32)
        np.save(folder / "responses" / "S1" / f"A_{part:03d}.npy", rows)
        story = [[f"{rng.choice(SAID)} {s}" for _ in range(5)] for s in range(SECONDS)]
        plot = [[f"plot {rng.choice(SAID)}" for _ in range(5)] for _ in range(SECONDS)]
        echo = [row[::-1] for row in story]
        for level, captions in (("story", story), ("plot", plot), ("echo", echo)):
            text = ["\t".join("abcde"), *("\t".join(row) for row in captions)]
            path = folder / "annotations" / f"A_run{part}_{level}_each1sec_en.txt"
            path.write_text("\n".join(text) + "\n")
    (folder / "runs.csv").write_text("\n".join(lines))
    return folder


def sweep(root, out, *overrides):
    return parse(SWEEP.format(root=root, out=out, model=MODEL), list(overrides))


def run(root, out, *overrides, **options):
    summary = run_sweep(sweep(root, out, *overrides), Quiet(), engine="inline", **options)
    assert summary.ok, summary.failed
    return summary


def texts_read(out) -> list[str]:
    """Digests of all texts that a model has read at layer 1, repeats included."""
    lists = sorted(Path(out).glob("stim_features/texts/*/*/*/texts.json"))
    lists = [path for path in lists if (path.parent / "layer1.npy").exists()]
    return [key for path in lists for key in json.loads(path.read_text())["texts"]]


def features(out, part="*", layer=1) -> dict[str, np.ndarray]:
    found = sorted(Path(out).glob(f"stim_features/semantic/{part}/*/layer{layer}/*.npy"))
    return {f"{path.parts[-4]}/{path.name}": np.load(path) for path in found}


def assert_close(one: dict, other: dict) -> None:
    """Equal but for rounding: the same texts in other batches."""
    assert one.keys() == other.keys()
    assert one
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-5, atol=1e-5)


HALVES = "features.read.annotators=[ALL, splitA, splitB]"


def test_a_text_is_read_once_for_all_annotators_and_levels(root, tmp_path):
    both = "features.read.annotation=[story, echo]"
    summary = run(root, tmp_path / "out", HALVES, both)
    read = texts_read(tmp_path / "out")
    assert len(read) == len(set(read)) > 20
    assert (summary.executed["shard"], summary.executed["extract"]) == (1, 6)
    for part in ("ALL", "splitA", "splitB"):
        for level in ("story", "echo"):
            alone = tmp_path / f"{part} {level}"
            run(
                root, alone, f"features.read.annotation={level}", f"features.read.annotators={part}"
            )
            name = f"{level}_cw1_avgToken_{part}"
            assert_close(features(tmp_path / "out", name), features(alone))


def test_what_repeats_texts_is_added_without_a_model(root, tmp_path, monkeypatch):
    import d2b_ray.steps.worker_cache as cache

    out = tmp_path / "out"
    run(root, out)
    before = texts_read(out)
    monkeypatch.setattr(cache.WorkerCache, "model", lambda *a: pytest.fail("a model is loaded"))
    summary = run(root, out, HALVES, "features.read.annotation=[story, echo]")
    assert "shard" not in summary.executed
    assert summary.executed["extract"] == 5
    assert texts_read(out) == before
    assert len(features(out)) == 6 * 4


def test_of_a_level_that_repeats_some_texts_the_others_are_read(root, tmp_path):
    out = tmp_path / "out"
    run(root, out, "features.read.annotators=splitA", "features.read.annotation=[story, plot]")
    some = set(texts_read(out))
    run(root, out, SMALL)
    every = texts_read(out)
    assert len(every) == len(set(every))
    assert some < set(every)
    run(root, tmp_path / "alone")
    assert_close(features(out, "story*ALL"), features(tmp_path / "alone"))


def test_layers_that_are_added_are_read_alone(root, tmp_path):
    run(root, tmp_path / "out", "features.read.layers=[1]")
    run(root, tmp_path / "out")
    files = {path.name for path in (tmp_path / "out").glob("stim_features/texts/*/*/*/*.npy")}
    assert files == {"layer1.npy", "layer3.npy"}
    read = texts_read(tmp_path / "out")
    assert len(read) == len(set(read))
    run(root, tmp_path / "alone")
    assert_close(features(tmp_path / "out", layer=3), features(tmp_path / "alone", layer=3))


def test_changed_weights_read_all_anew(root, tmp_path, monkeypatch):
    import d2b_ray.survey.inputs as inputs

    run(root, tmp_path / "out")
    once = len(texts_read(tmp_path / "out"))
    fingerprint = inputs.fingerprint
    monkeypatch.setattr(inputs, "fingerprint", lambda source: fingerprint(source)[::-1])
    changed = prepare(sweep(root, tmp_path / "out"), Quiet()).sweep_run
    (shard,) = changed.plan.of("shard")
    assert changed.control.state[shard.key] == "ready"
    assert len(shard.place["texts"]) == once


def test_a_killed_run_reads_no_text_twice_and_leaves_the_same_bytes(root, tmp_path, monkeypatch):
    levels = (SMALL, HALVES, "features.read.annotation=[echo, story, plot]")
    run(root, tmp_path / "whole", *levels)
    drill = Drill(tmp_path / "drill")
    monkeypatch.setenv("D2B_DRILL", str(drill.folder))
    monkeypatch.setattr("d2b_ray.steps.execute.before_unit", drill_before)
    name = f"extract plot {MODEL} semantic"
    drill.script({f"{name} texts 1 to 20": ["error"]})
    half = run_sweep(sweep(root, tmp_path / "out", *levels), Quiet(), engine="inline")
    assert list(half.failed) == [f"{name} texts 1 to 20"]
    before = records(tmp_path / "out")
    drill.script({})
    rest = run(root, tmp_path / "out", *levels, retry_failed=True)
    assert rest.executed["shard"] == 1
    assert {label for label in drill.counts() if " texts " in label} == {f"{name} texts 1 to 20"}
    after = records(tmp_path / "out")
    assert {p: r for p, r in before.items() if r["kind"] != "gather"}.items() <= after.items()
    assert_equal_stores(tmp_path / "whole", tmp_path / "out")


def test_rows_are_forgotten_on_request(root, tmp_path):
    run(root, tmp_path / "kept", HALVES)
    run(root, tmp_path / "out", HALVES, "output.keep_texts=false")
    assert not list((tmp_path / "out").glob("stim_features/texts/**/*.npy"))
    assert not list((tmp_path / "out" / "units").glob("shard/*"))
    left = contents(tmp_path / "kept")
    left = {path: data for path, data in left.items() if "stim_features/texts/" not in path}
    assert contents(tmp_path / "out") == left
    assert run(root, tmp_path / "out", HALVES, "output.keep_texts=false").executed == {}


def test_rows_that_were_removed_are_made_again_when_they_are_needed(root, tmp_path):
    import shutil

    run(root, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "stim_features" / "texts")
    assert run(root, tmp_path / "out").executed == {}
    assert run(root, tmp_path / "out", HALVES).executed["shard"] == 1


def test_what_it_costs_is_told(root, tmp_path):
    asked = sweep(root, tmp_path / "out", HALVES, SMALL)
    sweep_run = prepare(asked, Quiet()).sweep_run
    plan = sweep_run.plan
    found = {e.kind: e for e in estimate(plan, sweep_run.world.sizes)}
    texts = sum(len(unit.place["texts"]) for unit in plan.of("shard"))
    assert found["shard"].units == -(-texts // 20)
    assert found["shard"].bytes == texts * 32 * 4 * 2
    assert found["extract"].bytes == 3 * 4 * SECONDS * 32 * 4 * 2
    assert found["shard"].seconds > found["extract"].seconds - 0.02 * 3


def test_captions_that_cannot_be_split_are_refused_before_anything_runs(tiny_root, tmp_path):
    from problems import tiny_sweep

    asked = tiny_sweep(tiny_root, tmp_path / "out", "features.llm.annotators=splitA")
    with pytest.raises(ExtractionError, match=r"cannot be split.*use annotators: ALL"):
        prepare(asked, Quiet())
    assert not (tmp_path / "out").exists()


def rows_of(numbers) -> np.ndarray:
    return np.array([[n, n + 0.5] for n in numbers], np.float32)


def test_rows_come_back_by_text_and_few_parts_are_held(tmp_path, monkeypatch):
    store = Store(str(tmp_path))
    for part in range(6):
        texts = [f"text {n}" for n in range(10 * part, 10 * part + 10)]
        made = {2: rows_of(range(10 * part, 10 * part + 10))}
        write_rows(store, ("m", "r", f"part{part}"), texts, made, {"model": {}})
    monkeypatch.setattr(textrows, "HELD_BYTES", 2 * made[2].nbytes)
    found = TextRows(store, "m", "r")
    order = np.random.default_rng(1).permutation(60)
    np.testing.assert_array_equal(found.rows(2, [f"text {n}" for n in order]), rows_of(order))
    assert len(found._held) == 2
    assert found.layers("text 59") == {2}
    assert found.layers("text 60") == frozenset()
    with pytest.raises(ExtractionError, match=r"no row of layer 2 for text 'text 60'"):
        found.rows(2, ["text 1", "text 60"])


def test_rows_without_their_list_count_for_nothing(tmp_path):
    store = Store(str(tmp_path))
    write_rows(store, ("m", "r", "part"), ["a", "b"], {1: rows_of([1, 2])}, {"model": {}})
    store.remove("stim_features/texts/m/r/part/texts.json")
    assert not TextRows(store, "m", "r").layers("a")
    store.write_bytes("stim_features/texts/m/r/part/texts.json", b"{")
    with pytest.raises(ExtractionError, match="remove that folder"):
        TextRows(store, "m", "r")
