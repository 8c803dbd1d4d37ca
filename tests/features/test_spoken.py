"""Words read in context: states of the right tokens, against the network called by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden_cases import GOLDEN

from d2b_ray.data.word_tables import Words
from d2b_ray.errors import ExtractionError
from d2b_ray.features.spoken.extract import extract, load, source, text_rows
from d2b_ray.features.spoken.reader import LAST, collect_contexts
from d2b_ray.features.words import timed

SAID = ("the", "extraordinarily", "quick", "fox,", "jumps", "over", "it")


def words_of(*words, untimed=()):
    onset = np.arange(len(words), dtype=float)
    onset[list(untimed)] = np.nan
    return Words(words, onset, onset + 0.5)


@pytest.fixture(scope="module", params=["text_gpt2", "text_bert"])
def model(request):
    found = source(str(GOLDEN / "features" / request.param / "model"), None, "words")
    return load(found, device="cpu", dtype="float32")


def test_contexts_end_with_their_word_and_untimed_words_are_context_only():
    found = collect_contexts({"a": words_of(*SAID[:4], untimed=[1]), "b": words_of("the")}, 3)
    assert found.texts == (
        f"{LAST}the",
        f"the extraordinarily{LAST}quick",
        f"extraordinarily quick{LAST}fox,",
    )
    assert found.index["a"].ravel().tolist() == [0, 1, 2]
    assert found.index["b"].ravel().tolist() == [0]  # read once


@pytest.mark.parametrize("tokens", ["avg", "last"])
def test_a_row_is_that_of_the_words_own_tokens(model, tokens):
    ((run, found),) = extract(
        model, {"a": words_of(*SAID)}, context=4, layers=[1, 2, 3], tokens=tokens, batch_tokens=64
    )
    assert run == "a"
    for place, word in enumerate(SAID):
        shown = " ".join(SAID[max(0, place - 3) : place + 1])
        start = len(shown) - len(word)
        coded = model.tokenizer(shown, return_offsets_mapping=True, return_tensors="pt")
        own = [
            n
            for n, (a, b) in enumerate(coded.pop("offset_mapping")[0].tolist())
            if b > max(a, start)
        ]
        read = model.tokenizer.decode(coded["input_ids"][0][own]).replace(" ", "")
        assert read.replace("[UNK]", "") in word
        assert own
        with torch.inference_mode():
            states = model.network(**coded, output_hidden_states=True).hidden_states
        for layer in (1, 2, 3):
            rows = states[layer - 1][0][own]
            wanted = rows.mean(0) if tokens == "avg" else rows[-1]
            np.testing.assert_allclose(found[layer][place], wanted.numpy(), atol=2e-5)
    assert any(
        len(model.tokenizer(word, add_special_tokens=False)["input_ids"]) > 1 for word in SAID
    )


def test_what_is_too_long_loses_its_first_words(model):
    long = [f"{' '.join(['fox'] * 3000)}{LAST}jumps"]
    found = text_rows(model, long, layers=[2], tokens="last", batch_tokens=10_000)
    assert np.isfinite(found[2]).all()


def test_a_word_without_tokens_is_named(model):
    with pytest.raises(ExtractionError, match="has no tokens"):
        text_rows(model, [f"the{LAST}\u200b" if "bert" in model.source.location else f"the{LAST}"],
                  layers=[1], tokens="avg", batch_tokens=64)  # fmt: skip


def test_vectors_of_words_in_time(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("the 1 0 0\nfox 0 1 0\nFox 0 0 1\n")
    found = timed.load(timed.source(str(path), None, "timedvectors"), device="cpu", dtype="float32")
    said = {"a": words_of("The", '"fox,"', "Fox", "jumps", "fox", untimed=[4])}
    ((run, rows),) = timed.extract(found, said)
    assert run == "a"
    assert rows[0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]
    with pytest.raises(ExtractionError, match="the file knows none of 1 words of the data set"):
        list(timed.extract(found, {"a": words_of("jumps")}))
