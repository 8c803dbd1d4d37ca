"""Laws that images, sound, and images with captions share, tried on a small model of every kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from media_cases import Scenes, extract, load, random_frames, random_sound
from text_cases import GOLDEN

from d2b_ray.catalog import MODALITIES
from d2b_ray.errors import ExtractionError
from d2b_ray.features import Projection, resolve

CLOSE = {"rtol": 1e-5, "atol": 2e-5}
SECONDS = {"one": 5, "two": 3}
TEXTS = ("a girl", "..", "A doctor is waiting beside the white piano.", "milk")


def inputs_of(modality, rng, **seconds):
    """Noise to look at or listen to, and captions of two annotators."""
    seconds = seconds or SECONDS
    if modality == "audio":
        return random_sound(rng, **seconds)
    frames = random_frames(rng, **seconds)
    if modality == "vision":
        return frames
    return Scenes(frames, {run: rows_of(count) for run, count in seconds.items()})


def rows_of(count):
    return [[TEXTS[s % 4], TEXTS[(s // 2 + 1) % 4]] for s in range(count)]


def test_shapes_are_as_the_source_says(each_model, rng):
    modality, model = each_model
    found = extract(modality, model, inputs_of(modality, rng))
    assert list(found) == list(SECONDS)
    for run, seconds in SECONDS.items():
        assert list(found[run]) == list(model.source.layers)
        for layer, rows in found[run].items():
            assert rows.shape == (seconds, model.source.width_of(layer))
            assert rows.dtype == np.float32
            assert rows.std() > 0


def test_a_layer_beyond_the_last_does_not_exist(each_model, rng):
    modality, model = each_model
    beyond = model.source.n_layers + 1
    with pytest.raises(ExtractionError, match=rf"\[{beyond}\] cannot be extracted"):
        extract(modality, model, inputs_of(modality, rng), layers=(beyond,))


def test_batches_change_only_rounding_and_equal_calls_nothing(each_model, rng):
    modality, model = each_model
    inputs = inputs_of(modality, rng)
    for tokens in ("avg", "flat"):
        alone = extract(modality, model, inputs, tokens=tokens, batch_size=1)
        batched, again = (
            extract(modality, model, inputs, tokens=tokens, batch_size=7) for _ in range(2)
        )
        for run, layers in alone.items():
            for layer, rows in layers.items():
                np.testing.assert_allclose(batched[run][layer], rows, **CLOSE)
                assert batched[run][layer].tobytes() == again[run][layer].tobytes()


def test_some_layers_are_those_of_all(each_model, rng):
    modality, model = each_model
    inputs = inputs_of(modality, rng)
    last = model.source.n_layers
    every, one = extract(modality, model, inputs), extract(modality, model, inputs, layers=(last,))
    assert list(one["one"]) == [last]
    np.testing.assert_array_equal(one["two"][last], every["two"][last])


def test_reduced_rows_are_the_projected_wide_rows(each_model, rng):
    modality, model = each_model
    inputs = inputs_of(modality, rng)
    wide = extract(modality, model, inputs, tokens="flat")
    thin = extract(modality, model, inputs, tokens="flat", reduce=Projection(11, seed=3))
    for run, layers in wide.items():
        for layer, rows in layers.items():
            expected = Projection(11, seed=3)(rows)
            assert thin[run][layer].shape == expected.shape == (len(rows), 11)
            np.testing.assert_allclose(thin[run][layer], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
    ids=["device", "host"],
)
def test_batches_halve_when_the_memory_is_full(each_model, rng, error):
    modality, model = each_model
    inputs = inputs_of(modality, rng)
    expected = extract(modality, model, inputs, batch_size=8)
    tried = []

    def narrow(module, args, kwargs):
        tried.append(len(next(v for k, v in kwargs.items() if hasattr(v, "shape"))))
        if tried[-1] > 2:
            raise error

    handle = model.network.register_forward_pre_hook(narrow, with_kwargs=True)
    try:
        found = extract(modality, model, inputs, batch_size=8)
    finally:
        handle.remove()
    assert tried.count(max(tried)) == 1  # what did not fit is not tried again
    assert max(tried[2:]) <= 4
    for run, layers in expected.items():
        for layer, rows in layers.items():
            np.testing.assert_allclose(found[run][layer], rows, rtol=1e-6, atol=2e-6)


def test_what_repeats_is_run_once(each_model, rng):
    modality, model = each_model
    inputs = inputs_of(modality, rng, r=3)
    if modality == "audio":
        inputs._runs["r"][:] = 0.0
    else:
        frames = inputs if modality == "vision" else inputs.frames
        for shown in frames._runs["r"]:
            shown[:] = [frames._runs["r"][0][0].copy()] * 2
    if modality == "vision_language":
        inputs.captions["r"][:] = [["milk", "a girl"]] * 3
    count = []
    handle = model.network.register_forward_pre_hook(
        lambda module, args, kwargs: count.append(
            len(kwargs.get("input_ids", next(v for v in kwargs.values() if hasattr(v, "shape"))))
        ),
        with_kwargs=True,
    )
    try:
        found = extract(modality, model, inputs)["r"]
    finally:
        handle.remove()
    assert sum(count) == (2 if modality == "vision_language" else 1)
    for rows in found.values():
        np.testing.assert_array_equal(rows[0], rows[2])


def test_runs_without_seconds(each_model, rng):
    modality, model = each_model
    found = extract(modality, model, inputs_of(modality, rng, r=0))["r"]
    assert {rows.shape for rows in found.values()} == {
        (0, model.source.width_of(layer)) for layer in found
    }


@pytest.mark.parametrize("modality", ["vision", "audio", "vision_language"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size: 0 is not allowed; must be 1 or more"),
        ({"layers": ()}, "layers none cannot be extracted"),
        ({"tokens": "last"}, "tokens: 'last' is not known; must be one of avg, flat"),
    ],
)
def test_wrong_options_are_refused_at_the_call(models, rng, modality, options, message):
    model = models(modality, {"vision": "vit", "audio": "ast"}.get(modality, "git"))
    inputs = inputs_of(modality, rng)
    valid = {"layers": (1,), "tokens": "avg", "batch_size": 1}
    more = {"window": 1} if modality == "audio" else {"frame_size": None}
    if modality == "vision_language":
        more["annotators"] = "ALL"
    with pytest.raises(ExtractionError, match=message) as caught:
        MODALITIES[modality].extract(model, inputs, **{**valid, **more, **options})
    assert "\n" not in str(caught.value)


def test_values_that_overflow_are_refused(models, rng):
    model = models("vision", "vit")
    position = model.network.embeddings.position_embeddings
    keep = position.detach().clone()
    with torch.no_grad():
        position.fill_(float("inf"))
    try:
        with pytest.raises(ExtractionError, match=r"layer 1: values are not finite.*bfloat16"):
            extract("vision", model, random_frames(rng, r=1))
    finally:
        with torch.no_grad():
            position.copy_(keep)


def test_half_precision_is_near(models, rng):
    frames = random_frames(rng, r=2)
    exact = models("vision", "vit")
    half = load("vision", exact.source.name, "bfloat16")
    found, expected = (extract("vision", m, frames)["r"][2] for m in (half, exact))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.1)


@pytest.mark.parametrize(
    ("modality", "folder", "message"),
    [
        ("vision", "text_bert", "bert takes input_ids .* modality vision; use modality: semantic"),
        ("audio", "vision_deit", "deit takes pixel_values .* use modality: vision"),
        ("vision_language", "text_gpt2", "gpt2 is no vision-language model .* git, bridgetower, llava"),
        ("semantic", "vision_deit", "deit takes pixel_values .* modality semantic"),
    ],
)  # fmt: skip
def test_models_of_another_modality_are_refused(modality, folder, message):
    source = resolve(str(GOLDEN / folder / "model"), modality=modality)
    with pytest.raises(ExtractionError, match=message) as caught:
        MODALITIES[modality].load(source, device="cpu", dtype="float32")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["DeiT", "ResNet", "CLIP", "AST", "MMS", "GIT", "BridgeTower", "LLaVA-v1.5"]
)
def test_named_models_that_are_not_there_are_one_line(name):
    from d2b_ray.features import NAMED

    source = NAMED[name]
    with pytest.raises(
        ExtractionError, match=r"not in the Hugging Face cache.*hf auth login"
    ) as caught:
        MODALITIES[source.modality].load(source, device="cpu", dtype="float32")
    assert "\n" not in str(caught.value)
