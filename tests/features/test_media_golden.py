"""Against drama2brain's own outputs: word vectors, images, sound, images with captions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from media_cases import case, extract, golden_frames, golden_scenes, golden_sound, load
from text_cases import GOLDEN

from d2b_ray.catalog import MODALITIES
from d2b_ray.features import NO_LAYER, resolve
from d2b_ray.features.sound.reader import segments

IMAGES = {"rtol": 1e-5, "atol": 1e-5}  # reached: 7e-7; case.json allows 1e-4 and 5e-5
PAIRS = {"rtol": 1e-5, "atol": 1e-5}  # reached: 1e-6, 6e-6 at values of 17; case.json: 1e-3, 1e-4
SOUND = {"rtol": 1e-5, "atol": 2e-5}  # reached: 2e-6; case.json allows 1e-3 and 1e-4
WORDS = {"rtol": 1e-5, "atol": 1e-6}


def expected(folder, n_layers):
    return {n: np.load(folder / f"layer{n}.npy") for n in range(1, n_layers + 1)}


@pytest.mark.parametrize("name", ["vision_deit", "vision_resnet"])
def test_images_equal_drama2brain(name):
    """The old code resizes frames to a square with Pillow; then comes the model's processor."""
    folder, about = case(name)
    model = load("vision", str(folder / "model"))
    frames = golden_frames(name)
    options = {"frame_size": about["resized_to"], "batch_size": 3}
    flat = extract("vision", model, frames, tokens="flat", **options)[about["movie"]]
    avg = extract("vision", model, frames, **options)[about["movie"]]
    for layer, rows in expected(folder / "out", model.source.n_layers).items():
        np.testing.assert_allclose(flat[layer], rows, **IMAGES)
        width = model.source.width_of(layer)
        assert avg[layer].shape == (len(rows), width)
        if name == "vision_deit":  # tokens outermost
            mean = rows.reshape(len(rows), -1, width).mean(axis=1)
        else:  # channels outermost
            mean = rows.reshape(len(rows), width, -1).mean(axis=2)
        np.testing.assert_allclose(avg[layer], mean, **IMAGES)


@pytest.mark.parametrize("name", ["vision_deit", "vision_resnet"])
def test_pixels_equal_drama2brain(name):
    folder, about = case(name)
    model = load("vision", str(folder / "model"))
    first = golden_frames(name).frames(about["movie"], 0)[0]
    pixels = model.pictures.prepare(first, about["resized_to"])["pixel_values"].numpy()
    np.testing.assert_allclose(pixels, np.load(folder / "pixel_values_first_frame.npy"), atol=1e-6)


@pytest.mark.parametrize(
    ("family", "out"),
    [
        ("bridgetower", "{}"),
        ("llava", "{}"),
        ("git", "{}_constant_span"),  # the split of the old code drifts by mistake
    ],
)
@pytest.mark.parametrize("tokens", ["avg", "flat"])
def test_images_with_captions_equal_drama2brain(family, out, tokens):
    name = f"vision_language_{family}"
    folder, about = case(name)
    model = load("vision_language", str(folder / "model"))
    found = extract(
        "vision_language", model, golden_scenes(name),
        frame_size=about["image_size"], tokens=tokens, batch_size=5,
    )[about["movie"]]  # fmt: skip
    assert model.source.n_layers == about["n_layers_returned"]
    for layer, rows in expected(folder / "out" / out.format(f"{tokens}Token"), len(found)).items():
        np.testing.assert_allclose(found[layer], rows, **PAIRS)


@pytest.mark.parametrize(("kind", "window"), [("ast", 2), ("wav2vec2", 1), ("wav2vec2", 2)])
def test_sound_equals_drama2brain(kind, window):
    folder, _ = case("audio")
    model = load("audio", str(folder / f"model_{kind}"))
    sound = golden_sound("Glee_002")
    flat = extract("audio", model, sound, window=window, tokens="flat")["Glee_002"]
    avg = extract("audio", model, sound, window=window)["Glee_002"]
    for layer, rows in expected(folder / "out" / f"{kind}_{window}s" / "Glee_002", 3).items():
        np.testing.assert_allclose(flat[layer], rows, **SOUND)
        mean = rows.reshape(len(rows), -1, model.source.width).mean(axis=1)
        np.testing.assert_allclose(avg[layer], mean, **SOUND)


def test_resampled_stereo_is_near_drama2brain():
    """Another filter than its soxr: segments and features agree to a thousandth only."""
    folder, _ = case("audio")
    heard = segments(golden_sound("SUITS_003").sound("SUITS_003", 16_000), 16_000, 1)
    for mine, old in zip(
        heard[[0, -1]], np.load(folder / "segments_first_and_last_SUITS_003_1s.npy"), strict=True
    ):
        assert np.corrcoef(mine, old)[0, 1] > 0.999
    model = load("audio", str(folder / "model_ast"))
    found = extract(
        "audio", model, golden_sound("SUITS_003"), window=2, tokens="flat"
    )["SUITS_003"]  # fmt: skip
    for layer, rows in expected(folder / "out" / "ast_2s" / "SUITS_003", 3).items():
        distance = np.linalg.norm(found[layer] - rows) / np.linalg.norm(rows)
        assert distance < 0.002


FOLDER = GOLDEN / "word_vectors"
RUNS = [
    run for run in json.loads((FOLDER / "case.json").read_text())["runs"]
    if (FOLDER / run["file"]).exists()
]  # fmt: skip


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run["file"][4:-4])
def test_word_vectors_equal_drama2brain(run):
    source = resolve(str(FOLDER / run["vectors"]), modality="wordvectors")
    assert (source.width, source.layers) == (run["n_vectors"], (NO_LAYER,))
    model = MODALITIES["wordvectors"].load(source, device="cpu", dtype="float32")
    captions = json.loads((FOLDER / "captions_parsed.json").read_text())
    found = dict(
        MODALITIES["wordvectors"].extract(
            model, captions, window=run["n_windows"], annotators="ALL", join="sorted",
            tokens="avg" if run["avg_token"] else "flat",
            unknown="missing" if run["avg_token"] else "zeros",
        )
    )  # fmt: skip
    rows = np.load(FOLDER / run["file"])
    np.testing.assert_allclose(found[run["movie"]][NO_LAYER], rows, **WORDS)
    assert np.flatnonzero(~rows.any(axis=1)).tolist() == run["all_zero_rows"]
