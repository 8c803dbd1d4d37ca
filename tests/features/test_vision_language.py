"""What is particular to images with captions: pairs, silence, prompts, halves, stretches."""

from __future__ import annotations

import numpy as np
import pytest
from media_cases import Frames, Scenes, extract, random_frames

from d2b_ray.errors import ExtractionError

FAMILIES = ("git", "bridgetower", "llava")


def scenes(rng, rows):
    return Scenes(random_frames(rng, r=len(rows)), {"r": rows})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_is_the_mean_over_annotators_and_frames(models, rng, family):
    model = models("vision_language", family)
    shown = random_frames(rng, r=1)._runs["r"][0]
    texts = ["a girl", "A doctor is waiting beside the white piano."]
    both = extract("vision_language", model, Scenes(Frames({"r": [shown]}), {"r": [texts]}))["r"]
    alone = [
        extract("vision_language", model, Scenes(Frames({"r": [[f, f]]}), {"r": [[t]]}))["r"]
        for f in shown
        for t in texts
    ]
    for layer, rows in both.items():
        expected = np.mean([each[layer] for each in alone], axis=0)
        np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_image_first_then_text(models, rng, family):
    """Image tokens of the embeddings know nothing of the caption; the text part is the same, flat or not."""
    model = models("vision_language", family)
    said = scenes(rng, [["a girl"], ["milk"]])
    avg, flat = (
        extract("vision_language", model, said, tokens=tokens)["r"] for tokens in ("avg", "flat")
    )
    half = model.source.width // 2
    tokens = model.adapter.image_tokens(model.network.config)
    for layer, rows in avg.items():
        assert flat[layer].shape == (2, tokens * half + half)
        image = flat[layer][:, :-half].reshape(2, tokens, half).mean(axis=1)
        np.testing.assert_allclose(rows[:, :half], image, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(rows[:, half:], flat[layer][:, -half:])
    if family != "bridgetower":  # its layers are cross-modal
        frames = Frames({"r": [said.frames._runs["r"][0]] * 2})
        same = extract("vision_language", model, Scenes(frames, said.captions), layers=(1,))["r"][1]
        np.testing.assert_allclose(same[0, :half], same[1, :half], rtol=1e-5, atol=1e-5)
        assert np.abs(same[0, half:] - same[1, half:]).max() > 1e-3


def test_silence_is_read_or_skipped(models, rng):
    model = models("vision_language", "git")
    rows = [["a girl", ".."], ["..", ""], ["milk", "milk"]]
    said = scenes(rng, rows)
    read = extract("vision_language", model, said)["r"][3]
    skipped = extract("vision_language", model, said, silence="skip")["r"][3]
    assert read[1].any()
    assert not skipped[1].any()
    np.testing.assert_allclose(read[2], skipped[2], rtol=1e-5, atol=1e-5)
    assert np.abs(read[0] - skipped[0]).max() > 1e-4
    one = Scenes(said.frames, {"r": [[row[0]] for row in rows]})
    alone = extract("vision_language", model, one, silence="skip")["r"][3]
    np.testing.assert_allclose(skipped[0], alone[0], rtol=1e-5, atol=1e-5)
    quiet = Scenes(said.frames, {"r": [[".."]] * 3})
    assert not extract("vision_language", model, quiet, silence="skip")["r"][3].any()


def test_halves_of_the_annotators(models, rng):
    model = models("vision_language", "git")
    said = scenes(rng, [["a girl", "milk"], ["milk", "a girl"]])
    half = extract("vision_language", model, said, annotators="splitB")["r"][2]
    second = Scenes(said.frames, {"r": [["milk"], ["a girl"]]})
    expected = extract("vision_language", model, second)["r"][2]
    np.testing.assert_allclose(half, expected, rtol=1e-5, atol=1e-5)


def test_long_runs_go_in_stretches(models, rng, monkeypatch):
    model = models("vision_language", "git")
    rows = [["a girl", "milk"], ["milk", ".."], ["..", ".."], ["milk", "a girl"], ["..", "milk"]]
    said = scenes(rng, rows)
    for silence in ("read", "skip"):
        whole = extract("vision_language", model, said, silence=silence)["r"]
        for seconds in (1, 2, 3):
            monkeypatch.setattr("d2b_ray.features.pairs.extract.TOGETHER_S", seconds)
            parts = extract("vision_language", model, said, silence=silence)["r"]
            for layer, found in parts.items():
                np.testing.assert_allclose(found, whole[layer], rtol=1e-5, atol=1e-5)
        monkeypatch.undo()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pair_is_what_the_model_s_own_processor_would_feed(models, rng, family):
    """The text alone, unpadded, through the network: a second opinion on prompts and splits."""
    import torch

    model = models("vision_language", family)
    frame = random_frames(rng, r=1)._runs["r"][0][0]
    found = extract(
        "vision_language", model, Scenes(Frames({"r": [[frame, frame]]}), {"r": [["a girl"]]})
    )["r"]
    text = "USER: " + "<image>" * 16 + "\na girl\nASSISTANT:" if family == "llava" else "a girl"
    ids = model.reader.tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        output = model.network(
            input_ids=ids, **model.pictures.prepare(frame, None), output_hidden_states=True
        )
    states = output.hidden_states[2] if family == "bridgetower" else output.hidden_states
    for layer, rows in found.items():
        state = states[layer - 1]
        if family == "bridgetower":
            text_part, image_part = state[0][0], state[1][0]
        elif family == "git":
            image_part, text_part = state[0, :17], state[0, 17:]
        else:
            at = (ids[0] == 301).nonzero().ravel()
            image_part = state[0, at]
            text_part = state[0, [n for n in range(ids.shape[1]) if n not in at.tolist()]]
        expected = torch.cat([image_part.mean(dim=0), text_part.mean(dim=0)]).numpy()
        np.testing.assert_allclose(rows[0], expected, rtol=1e-5, atol=1e-5)


def test_what_is_refused(models, rng):
    model = models("vision_language", "llava")
    with pytest.raises(ExtractionError, match="run 'r': 1 seconds of captions and 2 of frames"):
        extract("vision_language", model, Scenes(random_frames(rng, r=2), {"r": [["a"]]}))
    with pytest.raises(ExtractionError, match="run 'r': 0 seconds of captions and 2 of frames"):
        extract("vision_language", model, Scenes(random_frames(rng, r=2), {}))
    with pytest.raises(
        ExtractionError, match="silence: 'loud' is not known; must be one of read, sk"
    ):
        extract("vision_language", model, scenes(rng, [["a"]]), silence="loud")
    with pytest.raises(ExtractionError, match="holds <image>, which LLaVA reads as a picture"):
        extract("vision_language", model, scenes(rng, [["an <image> of it"]]))
    with pytest.raises(ExtractionError, match="must be one of ALL, splitA"):
        extract("vision_language", model, scenes(rng, [["a"]]), annotators="half")
    with pytest.raises(ExtractionError, match="frame_size: 0"):
        extract("vision_language", model, scenes(rng, [["a"]]), frame_size=0)


@pytest.mark.parametrize("family", ["git", "llava"])
def test_a_frame_goes_through_the_tower_of_images_once_a_batch(models, rng, family):
    """Of four captions each: two frames, not eight. Each pair has its own frame's states."""
    model = models("vision_language", family)
    said = scenes(rng, [["a girl", "milk", "a doctor waits", "the white piano"]])
    seen = []
    tower = model.adapter.tower(model.network)
    handle = tower.register_forward_pre_hook(
        lambda module, given, named: seen.append(len(given[0] if given else named["pixel_values"])),
        with_kwargs=True,
    )
    try:
        together = extract("vision_language", model, said, batch_size=8)["r"]
        assert seen == [2]
        alone = extract("vision_language", model, said, batch_size=1)["r"]
        assert seen == [2] + [1] * 8
    finally:
        handle.remove()
    for layer, rows in together.items():
        np.testing.assert_allclose(rows, alone[layer], rtol=1e-5, atol=1e-5)
