"""What is particular to sound: windows, rates, encoders of encoder-decoders."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from media_cases import Sound, extract, random_sound

from d2b_ray.catalog import MODALITIES
from d2b_ray.errors import ExtractionError
from d2b_ray.features import resolve


@pytest.mark.parametrize("kind", ["ast", "wav2vec2", "whisper"])
def test_a_row_hears_its_window_and_nothing_else(models, rng, kind):
    model = models("audio", kind)
    sound = random_sound(rng, r=5)._runs["r"]
    changed = sound.copy()
    changed[:16_000] = 0.0
    one, other = (
        extract("audio", model, Sound({"r": x}), window=2)["r"][2] for x in (sound, changed)
    )
    differs = np.abs(one - other).max(axis=1) > 1e-4
    assert differs.tolist() == [True, True, False, False, False]


def test_the_start_is_filled_with_the_first_second(models, rng):
    model = models("audio", "wav2vec2")
    sound = random_sound(rng, r=2)._runs["r"]
    longer = np.concatenate([sound[:16_000], sound])
    found = extract("audio", model, Sound({"r": sound}), window=2)["r"]
    expected = extract("audio", model, Sound({"r": longer}), window=2)["r"]
    for layer, rows in found.items():
        np.testing.assert_allclose(rows, expected[layer][1:], rtol=1e-5, atol=1e-6)


def test_whisper_leaves_out_the_silence_it_adds(models, rng):
    model = models("audio", "whisper")  # hears 2 s at once: 100 positions
    sound = random_sound(rng, r=2)
    one = extract("audio", model, sound, window=1, tokens="flat")["r"]
    two = extract("audio", model, sound, window=2, tokens="flat")["r"]
    assert {rows.shape for rows in one.values()} == {(2, 50 * 16)}
    assert {rows.shape for rows in two.values()} == {(2, 100 * 16)}
    assert type(model.network).__name__ == "WhisperEncoder"


@pytest.mark.parametrize("kind", ["ast", "whisper"])
def test_windows_longer_than_the_model_hears_are_refused(models, rng, kind):
    with pytest.raises(
        ExtractionError, match=r"window: 3 s is more than model .* hears at once; must be 1 to 2 s"
    ):
        extract("audio", models("audio", kind), random_sound(rng, r=1), window=3)


def test_a_window_of_nothing_is_refused(models, rng):
    with pytest.raises(ExtractionError, match="window: 0 is not allowed"):
        extract("audio", models("audio", "ast"), random_sound(rng, r=1), window=0)


def test_other_encoder_decoders_are_refused(models, tmp_path):
    folder = shutil.copytree(models("audio", "whisper").source.location, tmp_path / "model")
    source = resolve(str(folder), modality="audio")
    config = json.loads((folder / "config.json").read_text())
    assert (source.kind, source.n_layers, source.width) == ("whisper", 3, 16)
    other = type(source)(
        source.name, source.location, "moonshine", source.n_layers, source.width, "audio"
    )
    assert config["is_encoder_decoder"]
    with pytest.raises(
        ExtractionError, match="moonshine is an encoder-decoder that d2b_ray does not"
    ):
        MODALITIES["audio"].load(other, device="cpu", dtype="float32")
