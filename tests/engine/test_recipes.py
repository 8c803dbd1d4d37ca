"""The paper's analyses as sweeps in jobs/: each is valid, and runs on small data with its shape kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from problems import MODEL, Quiet

from d2b_ray.data import open_dataset
from d2b_ray.engine.session import run_sweep
from d2b_ray.report.results import open_results
from d2b_ray.spec import load

JOBS = Path(__file__).parents[2] / "jobs"
LEVELS = {  # of the small data set, for those of the paper
    "speechTranscription": "speechTranscription", "story": "story", "objectiveAnnot50chara": "story",
    "timePlace": "story", "eventContent": "speechTranscription",
}  # fmt: skip
EXPECTED = {  # of two subjects: fits, and what tells them apart
    "banded_levels": (2, "bands"), "unique_variance": (2, "bands"), "delays": (20, "delay_start_s"),
    "windows": (12, "folder"), "split_half": (4, "annotation"), "annotators": (6, "folder"),
    "languages": (8, "annotation"), "weights_pca": (2, "bands"), "titles": (4, "annotation"),
}  # fmt: skip


def small(name, root, out):
    """Values of a recipe changed so that it runs in seconds; its shape stays."""
    raw = yaml.safe_load((JOBS / f"{name}.yaml").read_text())
    changes = [
        f"dataset.root={root}", "dataset.subjects=[DM01, DM03]", f"output.root={out}",
        f"features.llm.model={MODEL}", "significance.permutations=20",
    ]  # fmt: skip
    levels = raw["features"]["llm"]["annotation"]
    used = list(dict.fromkeys(LEVELS.get(level, level) for level in levels))
    changes += [f"features.llm.annotation=[{', '.join(used)}]", "features.llm.layers=[1, 3]"]
    if name in ("delays", "windows", "annotators", "split_half", "titles"):
        changes.append("features.llm.layers=3")
    if name == "annotators":
        changes.append("features.llm.annotation=story")
    fit = raw["fits"][0]
    if fit["kind"] == "banded":
        own = [("speechTranscription", 1), ("speechTranscription", 3), ("story", 1), ("story", 3)]
        bands = ", ".join(
            f"{band}: {{from: llm, annotation: {level}, layers: {layer}}}"
            for band, (level, layer) in zip(fit["bands"], own, strict=False)
        )
        changes += [f"fits.0.bands={{{bands}}}", "fits.0.reduce.pca=8", "fits.0.search.n_iter=3"]
    if "bootstrap" in raw["significance"]:
        changes.append("significance.bootstrap.samples=20")
    return load(JOBS / f"{name}.yaml", changes)


@pytest.fixture(scope="module")
def spoken_root(tiny_root, tmp_path_factory):
    """The small data set with what was said in a second language too."""
    root = tmp_path_factory.mktemp("spoken") / "data"
    shutil.copytree(tiny_root, root, symlinks=True)
    for path in (root / "annotations").glob("*_speechTranscription_each1sec_en.txt"):
        said = path.read_text().upper()
        path.with_name(path.name.replace("_en.txt", "_ja.txt")).write_text(said)
    return root


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recipe_runs_on_small_data(name, spoken_root, tmp_path):
    head = (JOBS / f"{name}.yaml").read_text().split("\nname:")[0]
    assert f"d2b-ray run jobs/{name}.yaml" in head
    assert "eeds the data" in head
    summary = run_sweep(small(name, spoken_root, tmp_path / "out"), Quiet(), engine="inline")
    assert summary.ok, summary.failed
    fits = open_results(str(tmp_path / "out")).fits
    count, column = EXPECTED[name]
    assert len(fits) == count
    assert fits[column].nunique() > 1 or column == "bands"
    if name == "weights_pca":
        results = open_results(str(tmp_path / "out"))
        assert results.weights_pca.band.nunique() == 4
        dataset = open_dataset("drama2brain", str(spoken_root))
        runs = {run.name: run for run in dataset.runs.train("all")}
        for row in results.weights_pca_moments.itertuples():
            said, plot = (
                dataset.captions(runs[row.run], level)[int(row.stimulus_s)]
                for level in ("speechTranscription", "story")
            )
            assert row.text is None or set(row.text.split(" | ")) <= {*said, *plot, ""}
    if name == "unique_variance":
        bands = open_results(str(tmp_path / "out")).bands()
        assert (bands["unique_low"] <= bands["unique_high"]).all()


def test_the_recipe_of_several_modalities(media_root, media_models, tmp_path):
    from media_problem import TEXT

    sweep = load(
        JOBS / "multimodal.yaml",
        [
            "dataset.layout=arrays", f"dataset.root={media_root}", "dataset.subjects=all",
            f"output.root={tmp_path / 'out'}",
            f"features.semantic.model={TEXT}", f"features.vision.model={media_models / 'vit'}",
            f"features.audio.model={media_models / 'ast'}", f"features.pairs.model={media_models / 'git'}",
            "features.pairs.annotation=story", "features.semantic.layers=1", "features.vision.layers=1",
            "features.audio.layers=1", "features.pairs.layers=1", "features.vision.tokens=avg",
            "fits.0.delays={start: 1, end: 2, combine: mean}", "significance.permutations=20",
        ],
    )  # fmt: skip
    summary = run_sweep(sweep, Quiet(), engine="inline")
    assert summary.ok, summary.failed
    fits = open_results(str(tmp_path / "out")).fits
    assert set(fits["modality"]) == {"semantic", "vision", "audio", "vision_language"}
