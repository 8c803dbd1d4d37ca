"""The paper's analyses as sweeps in jobs/, on the small written drama: each shows what was planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from problems import MODEL, Quiet

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.data import open_dataset
from d2b_ray.data.demo import write_demo
from d2b_ray.data.planted import NOISE, STRONG
from d2b_ray.engine.session import run_sweep
from d2b_ray.features import resolve
from d2b_ray.report.results import open_results
from d2b_ray.spec import load

JOBS = Path(__file__).parents[2] / "jobs"
LAYER, VOXELS = 3, 180  # of the model of random weights, which is quick: its layer 3 is planted
FITS = {  # of two subjects
    "levels": 10, "banded_levels": 2, "unique_variance": 2, "delays": 20, "windows": 12, "split_half": 10,
    "annotators": 6, "languages": 4, "weights_pca": 2, "titles": 10,
}  # fmt: skip
BANDS = {
    "speech": "speechTranscription", "vision": "objectiveAnnot50chara", "story": "story",
    "event": "eventContent", "place": "timePlace",
}  # fmt: skip


def featurize(level, captions):
    model = MODALITIES["semantic"].load(resolve(str(MODEL)), device="cpu", dtype="float32")
    rows = MODALITIES["semantic"].extract(
        model, captions, window=1, annotators="ALL", join="time", layers=(LAYER,), tokens="avg",
        batch_tokens=8192,
    )  # fmt: skip
    return {run: layers[LAYER] for run, layers in rows}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The drama with planted effects, and its speech in a second language that says other things."""
    folder = tmp_path_factory.mktemp("planted") / "data"
    write_demo(folder, featurize, voxels=VOXELS, stimuli=False)
    for path in (folder / "annotations").glob("*_speechTranscription_each1sec_en.txt"):
        header, *rows = path.read_text().splitlines()
        other = "\n".join([header, *rows[::-1]]) + "\n"
        path.with_name(path.name.replace("_en.txt", "_ja.txt")).write_text(other)
    return folder


@pytest.fixture(scope="module")
def truth(root):
    """Strength and level of each voxel of both subjects, in the order of the tables."""
    found = np.load(root / "truth.npz")
    return {
        name: np.concatenate([found[f"{subject}_{name}"] for subject in ("DM01", "DM03")])
        for name in ("strength", "level")
    }


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    """Runs a recipe on the drama; its features are extracted once for all."""
    folder = tmp_path_factory.mktemp("recipes")

    def run(name):
        raw = yaml.safe_load((JOBS / f"{name}.yaml").read_text())
        changes = [
            f"dataset.root={root}", f"output.root={folder / name}", f"output.features={folder / 'features'}",
            "output.figures=false", "output.report=tables",
            f"features.llm.model={MODEL}", f"features.llm.layers={LAYER}",
            "features.llm.dtype=float32", "features.llm.join=time", "significance.permutations=20",
        ]  # fmt: skip
        for number, fit in enumerate(raw["fits"]):
            if "bands" in fit:
                changes += [f"fits.{number}.bands.{band}.layers={LAYER}" for band in fit["bands"]]
                changes += [f"fits.{number}.reduce.pca=20", f"fits.{number}.search.n_iter=12"]
            if isinstance(fit["delays"], dict):
                changes.append(f"fits.{number}.delays={{start: 3, end: 6, combine: mean}}")
        if name == "levels":
            changes += ["resources.extract.num_gpus=0", "resources.fit.num_gpus=0"]
        if name == "annotators":  # of the drama's levels only this has as many as the paper's
            changes.append("features.llm.annotation=objectiveAnnot50chara")
        if "bootstrap" in raw["significance"]:
            changes.append("significance.bootstrap.samples=40")
        if "summary" in raw:
            changes.append("summary.top_voxels=60")
        if "weights_pca" in raw:
            changes.append("weights_pca.top_voxels=50")
        sweep = load(JOBS / f"{name}.yaml", changes)
        summary = run_sweep(sweep, Quiet(), engine="inline")
        assert summary.ok, summary.failed
        results = open_results(str(folder / name))
        assert len(results.fits) == FITS[name]
        return results

    return run


def by_level(results, truth, **where):
    """Mean r of the strongly driven voxels of each level, by the level that predicted them."""
    table = results.voxels(**where)
    drive = np.tile(truth["level"], len(table) // len(truth["level"]))
    strong = np.tile(truth["strength"] == STRONG, len(table) // len(truth["level"]))
    assert strong.any()
    return table.assign(drive=drive)[strong]


@pytest.mark.parametrize("name", FITS)
def test_a_recipe_says_what_it_is_and_how_it_is_run(name):
    head = (JOBS / f"{name}.yaml").read_text().split("\nname:")[0]
    assert f"d2b-ray run jobs/{name}.yaml" in head
    assert "eeds the data" in head


def test_levels_the_planted_level_is_preferred(made, truth):
    results = made("levels")
    found = results.preferred("annotation")
    strong = truth["strength"] == STRONG
    assert (found.preferred.to_numpy() == truth["level"])[strong].mean() > 0.9
    tests = results.top_voxels_tests
    assert set(tests.by) == {"annotation"}


def test_banded_levels_the_planted_band_has_the_share(made, truth):
    results = made("banded_levels")
    shares = results.bands().pivot(index=["subject", "voxel"], columns="band", values="r")
    strong = truth["strength"] == STRONG
    assert (shares.idxmax(axis=1).map(BANDS).to_numpy() == truth["level"])[strong].mean() > 0.85


def test_unique_variance_is_the_planted_bands(made, truth):
    results = made("unique_variance")
    bands = results.bands()
    unique = bands.pivot(index=["subject", "voxel"], columns="band", values="unique")
    strong, noise = truth["strength"] == STRONG, truth["strength"] == NOISE
    assert (unique.idxmax(axis=1).map(BANDS).to_numpy() == truth["level"])[strong].mean() > 0.85
    assert unique.max(axis=1)[strong].median() > 0.03
    low = bands.pivot(index=["subject", "voxel"], columns="band", values="unique_low")
    assert (low > 0.03).to_numpy()[noise].mean() < 0.02
    assert (bands.unique_low <= bands.unique_high).all()


def test_delays_the_blood_response_is_where_it_was_planted(made, truth):
    table = by_level(made("delays"), truth)
    own = table[table.annotation == table.drive]
    means = own.groupby("delay_start_s", observed=True).r.mean()
    assert means.idxmax() in (4.0, 6.0)  # it peaks at 5 s, and lasts
    assert means[4.0] > means[10.0] + 0.1


def test_windows_a_quarter_of_a_minute_is_not_what_was_planted(made, truth):
    results = made("windows")
    window = results.fits.set_index("fit").folder.str.extract(r"_cw(\d+)_")[0]
    table = by_level(results, truth)
    own = table[(table.annotation == table.drive)]
    means = own.assign(window=own.fit.map(window)).groupby("window").r.mean()
    assert means.idxmin() == "16"  # four seconds are about what the blood response joins
    assert means["1"] > means["16"] + 0.05


def test_split_half_each_half_finds_it(made, truth):
    results = made("split_half")
    assert set(results.fits.split) == {"splitA"}
    table = by_level(results, truth)
    own, other = table[table.annotation == table.drive], table[table.annotation != table.drive]
    assert own.r.mean() > 0.3 > other.r.mean()


def test_annotators_all_of_them_are_better_than_halves(made, truth):
    results = made("annotators")
    who = results.fits.set_index("fit").folder.str.extract(r"_(ALL|splitA|splitB)/")[0]
    table = by_level(results, truth)
    own = table[table.drive == "objectiveAnnot50chara"]
    means = own.assign(who=own.fit.map(who)).groupby("who").r.mean()
    assert means.idxmax() == "ALL"
    assert means.min() > 0.1


def test_languages_what_was_heard_is_what_drives(made, truth):
    results = made("languages")
    table = by_level(results, truth)
    own = table[table.drive == "speechTranscription"].groupby("annotation", observed=True).r.mean()
    assert own["speechTranscription"] > 0.4
    assert own["speechTranscription-ja"] < 0.2
    assert set(results.comparisons["by"]) == {"annotation"}


def test_weights_components_are_each_of_one_planted_band(made, root):
    results = made("weights_pca")
    parts = results.weights_pca.pivot(index="component", columns="band", values="share")
    np.testing.assert_allclose(parts.sum(axis=1), 1, rtol=1e-6)
    assert (parts.max(axis=1) > 0.7).all()
    assert set(parts.idxmax(axis=1)) <= {"speech", "vision", "story"}
    dataset = open_dataset("drama2brain", str(root))
    runs = {run.name: run for run in dataset.runs.train("all")}
    for row in results.weights_pca_moments.itertuples():
        second = int(row.stimulus_s)
        cells = [dataset.captions(runs[row.run], level)[second] for level in BANDS.values()]
        captions = {cell for level in cells for cell in level}
        assert set(row.text.split(" | ")) <= {*captions, ""}


def test_titles_what_was_planted_holds_in_each(made):
    results = made("titles")
    table = results.generalisation
    assert set(table.name) == {"Courtroom", "Kitchen", "Lighthouse", "Observatory"}
    driven = table[table.roi.isin(["ctx-lh-precuneus"]) & (table.annotation == "story")]
    other = table[table.roi.isin(["ctx-lh-precuneus"]) & (table.annotation == "timePlace")]
    assert len(driven) == 8  # subjects, titles
    assert (driven.mean_r > 0.1).all()
    assert driven.mean_r.mean() > other.mean_r.mean() + 0.1


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
