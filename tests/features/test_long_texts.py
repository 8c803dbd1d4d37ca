"""Texts longer than a model can read: cut off as drama2brain does, or read in windows that overlap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from text_cases import GOLDEN, extract, load

from d2b_ray.errors import ExtractionError
from d2b_ray.features import text_rows
from d2b_ray.features.text.long_texts import encode

KINDS = ("bert", "gpt2", "llama", "opt")
WORDS = (
    "a",
    "girl",
    "doctor",
    "waiting",
    "beside",
    "the",
    "white",
    "piano",
    "slowly",
    "milk",
    "rain",
)


def reads(kind: str, tokens: int):
    """A model that reads at most so many tokens at once, its own included."""
    return replace(load(str(GOLDEN / f"text_{kind}" / "model")), max_tokens=tokens)


def text_of(words: int, seed: int = 0) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, words))


@settings(deadline=None, derandomize=True)  # the first call loads a model
@given(kind=st.sampled_from(KINDS), room=st.integers(4, 20), words=st.integers(1, 80))
def test_every_token_counts_once_and_has_half_a_window_before_it(kind, room, words):
    model = reads(kind, room)
    text = text_of(words, seed=words)
    (whole,) = model.tokenize([text], cut=False)
    (pieces,) = encode(model, [text], "slide")
    counted = [token for piece in pieces for token in piece.ids[piece.start : piece.stop]]
    assert counted == whole
    assert all(len(piece.ids) <= room for piece in pieces)
    assert all(piece.counted > 0 for piece in pieces)
    own = len(whole) - len(model.tokenize([text], cut=False, special=False)[0])
    for piece in pieces[1:]:
        assert piece.start >= (room - own) // 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tokens", ["avg", "last"])
def test_texts_that_fit_are_read_as_they_are(kind, tokens):
    model = reads(kind, 28)
    texts = [text_of(2, 1), text_of(2, 2), text_of(1, 3)]
    options = {"layers": (1, 2, 3), "tokens": tokens, "batch_tokens": 64}
    cut, slid = (
        text_rows(model, texts, long_texts=how, **options) for how in ("truncate", "slide")
    )
    for layer in (1, 2, 3):
        assert cut[layer].tobytes() == slid[layer].tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tokens", ["avg", "last"])
def test_windows_by_hand(kind, tokens):
    """Against the network fed window by window, and a mean written out."""
    model, texts = reads(kind, 14), [text_of(40, 4), text_of(2, 5), text_of(23, 6)]
    found = text_rows(
        model, texts, layers=(2, 3), tokens=tokens, batch_tokens=100, long_texts="slide"
    )
    for row, text in enumerate(texts):
        (whole,) = model.tokenize([text], cut=False)
        (plain,) = model.tokenize([text], cut=False, special=False)
        at = next(i for i in range(9) if whole[i : i + len(plain)] == plain)
        before, after = whole[:at], whole[at + len(plain) :]
        room = 14 - len(before) - len(after)
        states, done = {2: [], 3: []}, 0
        while done < len(plain):
            first = 0 if done == 0 else done - room // 2
            window = plain[first : first + room]
            with torch.inference_mode():
                hidden = model.network(
                    input_ids=torch.tensor([[*before, *window, *after]]), output_hidden_states=True
                ).hidden_states
            start = 0 if done == 0 else len(before) + room // 2
            done = first + len(window)
            stop = len(before) + len(window) + (len(after) if done == len(plain) else 0)
            for layer in (2, 3):
                states[layer].append(hidden[layer - 1][0, start:stop].numpy())
        for layer in (2, 3):
            every = np.concatenate(states[layer])
            assert len(every) == len(whole)
            expected = every.mean(0) if tokens == "avg" else every[-1]
            np.testing.assert_allclose(found[layer][row], expected, rtol=1e-5, atol=1e-5)


def test_what_is_cut_off_is_heard_with_windows():
    model = reads("gpt2", 12)
    head = text_of(12, 7)
    said = {"r": [[f"{head} milk dog rain"], [f"{head} house piano girl"]]}
    cut = extract(model, said)["r"][3]
    np.testing.assert_array_equal(cut[0], cut[1])
    slid = extract(model, said, long_texts="slide")["r"][3]
    assert np.abs(slid[0] - slid[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"long_texts": "wrap"}, "long_texts: 'wrap' is not known; must be one of truncate, slide"),
        ({"long_texts": "slide", "tokens": "flat"}, "no meaning for tokens: flat"),
    ],
)
def test_wrong_options_are_refused_at_the_call(bert, options, message):
    with pytest.raises(ExtractionError, match=message):
        extract(bert, {"r": [["milk"]]}, **options)


def test_a_model_without_room_for_text_is_refused():
    with pytest.raises(ExtractionError, match=r"reads 3 tokens at once, of which 2 are its own"):
        extract(reads("bert", 3), {"r": [[text_of(9)]]}, long_texts="slide")


def test_flat_rows_of_texts_are_refused():
    with pytest.raises(ExtractionError, match="tokens: 'flat' is not known"):
        text_rows(reads("bert", 9), ["milk"], layers=(1,), tokens="flat", batch_tokens=9)


def test_a_model_without_limit_reads_all_at_once():
    model = replace(reads("llama", 9), max_tokens=None)
    (pieces,) = encode(model, [text_of(60)], "slide")
    assert len(pieces) == 1
