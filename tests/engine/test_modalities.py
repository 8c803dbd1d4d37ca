"""Every modality from a sweep to tables: the features are those of its module, called alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from media_problem import RATE, RUNS, TEXT, media_yaml, rows_of
from problems import Quiet
from stores import records

from d2b_ray.catalog import MODALITIES
from d2b_ray.engine.session import prepare
from d2b_ray.errors import D2BError
from d2b_ray.features import (
    NO_LAYER,
    ImageFolders,
    Projection,
    Scenes,
    VideoFiles,
    WavFiles,
    fingerprint,
    resolve,
)
from d2b_ray.plan import feature_key
from d2b_ray.spec import parse
from d2b_ray.steps.execute import execute
from d2b_ray.steps.worker_cache import WorkerCache
from d2b_ray.store import model_folder

FITS = 9


@pytest.fixture
def root(media_root):
    return media_root


@pytest.fixture
def models(media_models):
    return media_models


@pytest.fixture
def store(media_store):
    return media_store


@pytest.fixture
def sweep(root, models, store):
    """The finished sweep with overrides."""
    return lambda *overrides: parse(media_yaml(root, models, store), list(overrides))


def alone(modality, model, inputs, **options):
    """The module called directly, on one thread as a worker has it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        source = resolve(str(model), modality=modality)
        loaded = MODALITIES[modality].load(source, device="cpu", dtype="float32")
        return dict(MODALITIES[modality].extract(loaded, inputs, **options))
    finally:
        torch.set_num_threads(before)


def expected(name, root, models):
    """(features by run and layer, folder of the options and the model) of a feature block."""
    captions = {run: rows_of(run, seconds) for run, seconds in RUNS.items()}
    folders = {run: root / "stimuli" / "frames" / run for run in RUNS}
    images = ImageFolders(folders, RUNS, RATE)
    film = VideoFiles({run: root / "stimuli" / "video" / f"{run}.mp4" for run in RUNS}, RUNS)
    sound = WavFiles({run: root / "stimuli" / "audio" / f"{run}.wav" for run in RUNS}, RUNS)
    said = {"window": 1, "annotators": "ALL", "join": "time"}
    if name == "read":
        options = {**said, "tokens": "avg", "layers": (1, 3), "batch_tokens": 8192}
        return alone("semantic", TEXT, captions, **options), "semantic/story_cw1_avgToken_ALL", TEXT
    if name == "words":
        words = models / "words.txt"
        made = alone("wordvectors", words, captions, **said, tokens="avg")
        return made, "wordvectors/story_cw1_avgToken_ALL", words
    if name == "see":
        options = {"frame_size": 32, "layers": (1, 3), "tokens": "avg", "batch_size": 32}
        return alone("vision", models / "vit", images, **options), "vision/avgToken", models / "vit"
    if name == "film":
        options = {"frame_size": None, "layers": (2,), "tokens": "flat", "batch_size": 32}
        made = alone("vision", models / "vit", film, **options, reduce=Projection(7))
        return made, "vision/flatToken_7srp", models / "vit"
    if name == "hear":
        options = {"window": 2, "layers": (3,), "tokens": "avg", "batch_size": 32}
        return (
            alone("audio", models / "ast", sound, **options),
            "audio/cw2_avgToken",
            models / "ast",
        )
    options = {"frame_size": 40, "layers": (2,), "tokens": "avg", "batch_size": 32}
    scenes = Scenes(images, captions)
    made = alone(
        "vision_language", models / "git", scenes, **options, annotators="ALL", silence="skip"
    )
    return made, "vision_language/story_avgToken_ALL", models / "git"


@pytest.mark.parametrize("name", ["read", "words", "see", "film", "hear", "both"])
def test_features_are_those_of_the_module(store, root, models, name):
    made, options, model = expected(name, root, models)
    assert list(made) == list(RUNS)
    folder = store / "stim_features" / options / model_folder(str(model))
    wanted = {f"layer{'None' if n == NO_LAYER else n}" for n in made["A_001"]}
    assert {path.name for path in folder.iterdir()} == wanted
    for run, layers in made.items():
        for layer, rows in layers.items():
            name = "layerNone" if layer == NO_LAYER else f"layer{layer}"
            assert len(rows) == RUNS[run]
            np.testing.assert_array_equal(np.load(folder / name / f"{run}.npy"), rows)


def test_fits_tables_and_report_follow(store):
    fits = pq.read_table(store / "tables" / "fits.parquet").to_pylist()
    assert len(fits) == FITS
    seen = {(fit["modality"], fit["annotation"], fit["layer"]) for fit in fits}
    assert seen == {
        ("semantic", "story", 1), ("semantic", "story", 3), ("wordvectors", "story", 0),
        ("vision", "frames", 1), ("vision", "frames", 2), ("vision", "frames", 3),
        ("audio", "sound", 3), ("vision_language", "story", 2),
        ("vision + wordvectors + audio", "frames + story + sound", None),
    }  # fmt: skip
    widths = {fit["modality"]: fit["features"] for fit in fits}
    assert widths["wordvectors"] == 24
    assert widths["audio"] == 16
    assert widths["vision_language"] == 2 * 16
    assert widths["vision + wordvectors + audio"] == 16 + 24 + 16
    assert "vit" in (store / "report" / "index.html").read_text()


def test_records_say_which_model_and_which_libraries(store, models):
    found = [r for r in records(store).values() if r["kind"] == "feature"]
    by_modality = {record["params"]["set"]["modality"]: record for record in found}
    source = resolve(str(models / "ast"), modality="audio")
    about = by_modality["audio"]["extra"]
    assert about["model"]["fingerprint"] == about["model"]["weights"] == fingerprint(source)
    assert about["model"]["revision"] is None
    assert about["model"]["kind"] == "audio-spectrogram-transformer"
    assert set(about["libraries"]) == {"scipy"}
    assert set(by_modality["vision_language"]["extra"]["libraries"]) == {"pillow", "tokenizers"}
    assert by_modality["audio"]["params"]["set"]["dtype"] == "float32"
    assert {"torch", "transformers", "numpy"} <= set(by_modality["audio"]["versions"])


def test_a_finished_sweep_is_finished(sweep):
    sweep_run = prepare(sweep(), Quiet()).sweep_run
    assert sweep_run.control.finished
    assert not sweep_run.state.stale


@pytest.mark.parametrize(
    ("change", "blocks", "reason"),
    [
        ("weights", {"see", "film"}, "model"),
        ("a frame", {"see", "both"}, "frames"),
        ("the rate", {"see", "both"}, "frames"),
        ("a film", {"film"}, "video"),
        ("sound", {"hear"}, "sound"),
        ("a caption", {"read", "words", "both"}, "captions"),
        ("word vectors", {"words"}, "model"),
    ],
)
def test_what_changed_is_to_be_extracted_anew(
    sweep, root, models, tmp_path, change, blocks, reason
):
    data = shutil.copytree(root, tmp_path / "data")
    changed = {
        "weights": models / "vit" / "model.safetensors",
        "a frame": data / "stimuli/frames/B_001/frame_00000.png",
        "the rate": data / "stimuli/frames/rate.json",
        "a film": data / "stimuli/video/B_001.mp4",
        "sound": data / "stimuli/audio/C_001.wav",
        "a caption": data / "annotations/A_run1_story_each1sec_en.txt",
        "word vectors": models / "words.txt",
    }[change]
    moved = sweep(f"dataset.root={data}")
    assert stale_blocks(moved) == {}  # another place is no other content
    before = changed.read_bytes()
    if change == "the rate":
        changed.write_text('{"frames_a_second": 1.9}')
    else:
        changed.write_bytes(before[:-2] + bytes([before[-2] ^ 1]) + before[-1:])
    try:
        found = stale_blocks(moved)
    finally:
        changed.write_bytes(before)
    assert set(found) == blocks
    assert all(f"changed since: {reason}" in line for line in found.values()), found


BLOCKS = {
    "semantic": "read", "wordvectors": "words", "frames": "see", "video": "film", "audio": "hear",
    "vision_language": "both",
}  # fmt: skip


def stale_blocks(sweep):
    """Why features are stale, by feature block."""
    sweep_run = prepare(sweep, Quiet()).sweep_run
    found = {}
    for unit in sweep_run.plan.of("extract"):
        params, layers = unit.params, sweep_run.state.missing_layers[unit.key]
        if layers:
            source = params["source"] if params["modality"] == "vision" else params["modality"]
            found[BLOCKS[source]] = sweep_run.state.stale[feature_key(params, layers[0])]
    return found


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (
            "frames",
            r"stimuli/frames/B_001/ with numbered images: frames of 1 of 4 runs are missing",
        ),
        ("few", r"run 'B_001': frame 17 is missing"),
        ("sound", r"stimuli/audio/A_001\.wav and 3 more: sound of 4 of 4 runs are missing"),
        ("short", r"C_001\.wav lasts 2\.00 s where the run lasts 8 s"),
        ("video", r"stimuli/video/A_002\.mp4 \(or \.mkv .*\): video of 1 of 4 runs are missing"),
        ("rate", r"rate\.json: must hold"),
        ("no rate", r"frames_a_second is 0\.0; must be a number above 0"),
        ("words", r"word vectors .*nothing\.txt: cannot be read"),
        ("layers", r"features\.see\.layers: .*vit has no layer 9; allowed: 1 to 3"),
        ("foreign", r"DeiT.*: is read by modality vision, not audio"),
    ],
)
def test_what_is_not_there_is_one_line_before_anything_runs(root, models, tmp_path, broken, words):
    data = shutil.copytree(root, tmp_path / "data")
    overrides = []
    stimuli = data / "stimuli"
    if broken == "frames":
        shutil.rmtree(stimuli / "frames" / "B_001")
    elif broken == "few":
        (stimuli / "frames" / "B_001" / "frame_00017.png").unlink()
    elif broken == "sound":
        shutil.rmtree(stimuli / "audio")
    elif broken == "short":
        path = stimuli / "audio" / "C_001.wav"
        path.write_bytes(path.read_bytes()[: 44 + 2 * 8000 * 2])
        content = bytearray(path.read_bytes())
        content[40:44] = (2 * 8000 * 2).to_bytes(4, "little")
        path.write_bytes(content)
    elif broken == "video":
        (stimuli / "video" / "A_002.mp4").unlink()
    elif broken == "rate":
        (stimuli / "frames" / "rate.json").write_text("[30]")
    elif broken == "no rate":
        (stimuli / "frames" / "rate.json").write_text(json.dumps({"frames_a_second": 0}))
    elif broken == "words":
        overrides = [f"features.words.model={tmp_path}/nothing.txt"]
    elif broken == "layers":
        overrides = ["features.see.layers=9"]
    else:
        overrides = ["features.hear.model=DeiT"]
    sweep = parse(media_yaml(data, models, tmp_path / "out"), overrides)
    with pytest.raises(D2BError, match=words) as caught:
        prepare(sweep, Quiet())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("known", [True, False])
def test_another_model_on_a_worker_is_refused(root, models, tmp_path, known):
    """A machine whose folder of that name holds other weights must not make features."""
    sweep = parse(media_yaml(root, models, tmp_path / "out"))
    sweep_run = prepare(sweep, Quiet()).sweep_run
    (unit,) = (u for u in sweep_run.plan.of("extract") if u.params["modality"] == "audio")
    task = sweep_run.task(unit.key)
    name = f"model {unit.params['model']}"
    assert name in task.fingerprints
    planned = "sha256:of another file" if known else str(models / "ast")
    other = replace(task, fingerprints={**task.fingerprints, name: planned})
    _, report = execute(other, [], WorkerCache(sweep_run.settings))
    if known:
        assert "is sha256:" in report.failure.message
        assert "where the sweep was begun it is sha256:of another file" in report.failure.message
        assert not (tmp_path / "out").exists()
    else:  # nothing but the name of the model was known where the sweep was begun
        assert report.failure is None


def test_every_band_counts_among_the_inputs_of_a_fit(root, models, tmp_path):
    """Two bands of one stimulus and layer, which differ in their options."""
    bands = "{a: {from: see, layers: 3}, b: {from: film, layers: 3}, c: {from: words}}"
    chosen = [f"fits.1.bands={bands}", "features.film.layers=3"]
    sweep = parse(media_yaml(root, models, tmp_path / "out"), chosen)
    plan = prepare(sweep, Quiet()).sweep_run.plan
    (banded,) = (unit for unit in plan.of("commit") if "bands" in unit.place)
    names = {name for name in plan.inputs[banded.key] if name.startswith("features")}
    assert names == {
        "features frames layer3", "features frames layer3 of band 2", "features story layerNone",
    }  # fmt: skip
