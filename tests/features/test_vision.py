"""What is particular to images: two frames, sizes, vision towers of other models."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from media_cases import Frames, extract, load, random_frames
from safetensors.torch import load_file, save_file
from tiny_models import made

from d2b_ray.catalog import MODALITIES
from d2b_ray.errors import ExtractionError
from d2b_ray.features import resolve


def test_a_row_is_the_mean_of_its_two_frames(models, rng):
    model = models("vision", "vit")
    ((first, middle),) = random_frames(rng, r=1)._runs["r"]
    apart = extract("vision", model, Frames({"r": [[first, first], [middle, middle]]}))["r"]
    both = extract("vision", model, Frames({"r": [[first, middle]]}))["r"]
    for layer, rows in both.items():
        np.testing.assert_allclose(rows[0], apart[layer].mean(axis=0), rtol=1e-5, atol=1e-6)


def test_avg_is_the_mean_of_flat(models, rng):
    frames = random_frames(rng, r=2)
    for kind, axis in (("vit", 1), ("resnet", 2)):
        model = models("vision", kind)
        avg, flat = (extract("vision", model, frames, tokens=t)["r"] for t in ("avg", "flat"))
        for layer, rows in flat.items():
            width = model.source.width_of(layer)
            shape = (2, -1, width) if axis == 1 else (2, width, -1)
            mean = rows.reshape(shape).mean(axis=axis)
            np.testing.assert_allclose(avg[layer], mean, rtol=1e-5, atol=1e-6)


def test_frame_size_keeps_the_sides_of_a_wide_frame(models, rng):
    model = models("vision", "clip")  # its processor crops the middle
    (row,) = random_frames(rng, r=1)._runs["r"]
    other = [frame.copy() for frame in row]
    for frame in other:
        frame[:, :4] = 0
    frames = Frames({"r": [row, other]})
    cropped = extract("vision", model, frames, frame_size=None)["r"][1]
    whole = extract("vision", model, frames, frame_size=32)["r"][1]
    np.testing.assert_array_equal(cropped[0], cropped[1])
    assert np.abs(whole[0] - whole[1]).max() > 1e-3


def test_a_frame_size_of_nothing_is_refused(models, rng):
    with pytest.raises(ExtractionError, match="frame_size: 0 is not allowed"):
        extract("vision", models("vision", "vit"), random_frames(rng, r=1), frame_size=0)


def test_runs_that_lack_frames_are_refused_at_the_call(models, rng):
    frames = random_frames(rng, r=2)
    frames._runs["r"][1].pop()
    options = {"frame_size": None, "layers": (1,), "tokens": "avg", "batch_size": 1}
    with pytest.raises(ExtractionError, match="frames are missing"):
        MODALITIES["vision"].extract(models("vision", "vit"), frames, **options)


@pytest.mark.parametrize(
    "prefix", ["vision_tower.vision_model.", "model.vision_tower.vision_model.", "vision_tower."]
)
def test_the_tower_of_llava_by_any_name_of_its_weights(models, tmp_path, prefix, rng):
    """Checkpoints of several years name them differently."""
    model = models("vision", "llava")
    assert type(model.network).__name__ == "CLIPVisionModel"
    folder = shutil.copytree(model.source.location, tmp_path / "llava")
    weights = load_file(folder / "model.safetensors")
    renamed = {
        prefix + name.partition("vision_tower.")[2] if "vision_tower." in name else name: tensor
        for name, tensor in weights.items()
    }
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})
    frames = random_frames(rng, r=1)
    found, expected = (
        extract("vision", m, frames)["r"] for m in (load("vision", str(folder)), model)
    )
    for layer, rows in expected.items():
        np.testing.assert_array_equal(found[layer], rows)


def test_the_tower_is_that_of_the_whole_model(models, rng):
    import torch

    tower, whole = models("vision", "llava"), models("vision_language", "llava")
    frame = random_frames(rng, r=1)._runs["r"][0][0]
    pixels = tower.pictures.prepare(frame, None)["pixel_values"]
    assert tower.source.n_layers == 3
    with torch.inference_mode():
        expected = whole.network.vision_tower(pixels, output_hidden_states=True).hidden_states
        found = tower.network(pixels, output_hidden_states=True).hidden_states
    for mine, its in zip(found, expected, strict=True):
        assert torch.equal(mine, its)


def test_the_tower_of_a_whole_clip(models, tmp_path, rng):
    parts = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
             "num_attention_heads": 2}  # fmt: skip
    made(
        "CLIPConfig", "CLIPModel", projection_dim=8,
        text_config={**parts, "vocab_size": 40}, vision_config={**parts, "image_size": 32,
        "patch_size": 8},
    ).save_pretrained(tmp_path / "clip")  # fmt: skip
    processor = models("vision", "clip").source.location + "/preprocessor_config.json"
    shutil.copy(processor, tmp_path / "clip")
    model = load("vision", str(tmp_path / "clip"))
    found = extract("vision", model, random_frames(rng, r=2))["r"]
    assert {layer: rows.shape for layer, rows in found.items()} == dict.fromkeys((1, 2, 3), (2, 16))


def test_a_folder_without_its_processor_is_one_line(models, tmp_path):
    folder = shutil.copytree(models("vision", "vit").source.location, tmp_path / "vit")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(
        ExtractionError, match=r"does not load .*tokenizer or processor files"
    ) as caught:
        MODALITIES["vision"].load(
            resolve(str(folder), modality="vision"), device="cpu", dtype="float32"
        )
    assert "\n" not in str(caught.value)
