"""Laws of text features: batches, padding, distinct texts, joins, zeros, choices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from text_cases import GOLDEN, case, extract, load

from d2b_ray.catalog import MODALITIES
from d2b_ray.errors import ExtractionError
from d2b_ray.features.text.batches import batches
from d2b_ray.features.text.reader import collect_texts

KINDS = ("bert", "gpt2", "llama", "opt")


def story(kind):
    """A model, and captions of two runs that share texts."""
    parsed = case(f"text_{kind}")[2]
    rows = parsed["SUITS_001|objectiveAnnot50chara"]
    return load(str(GOLDEN / f"text_{kind}" / "model")), {"one": rows[:25], "two": rows[15:]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tokens", ["avg", "last"])
def test_batch_size_changes_only_rounding(kind, tokens):
    model, captions = story(kind)
    alone = extract(model, captions, tokens=tokens, window=2, batch_tokens=1)
    for budget in (40, 10_000):
        batched = extract(model, captions, tokens=tokens, window=2, batch_tokens=budget)
        for run, layers in alone.items():
            for layer, rows in layers.items():
                np.testing.assert_allclose(batched[run][layer], rows, rtol=1e-5, atol=1e-5)


def test_equal_calls_give_equal_bytes(bert):
    captions = story("bert")[1]
    first, second = (extract(bert, captions, window=3) for _ in range(2))
    for run in captions:
        assert all(first[run][n].tobytes() == second[run][n].tobytes() for n in (1, 2, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_last_is_the_last_state_of_the_text_alone(kind):
    model = load(str(GOLDEN / f"text_{kind}" / "model"))
    texts = ["a girl", "A doctor is waiting beside the white piano very slowly.", "milk"]
    found = extract(model, {"r": [[text] for text in texts]}, tokens="last")["r"]
    for second, text in enumerate(texts):
        ids = torch.tensor(model.tokenize([text]))
        with torch.inference_mode():
            states = model.network(input_ids=ids, output_hidden_states=True).hidden_states
        for layer in (1, 2, 3):
            expected = states[layer - 1][0, -1].numpy()
            np.testing.assert_allclose(found[layer][second], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("annotators", ["ALL", "splitB"])
def test_each_distinct_text_is_run_once(annotators):
    model, captions = story("bert")
    used = slice(3, 5) if annotators == "splitB" else slice(None)
    distinct = {c for rows in captions.values() for row in rows for c in row[used]} - {".."}
    seen = []
    handle = model.network.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    try:
        extract(model, captions, annotators=annotators, batch_tokens=100)
    finally:
        handle.remove()
    assert sum(rows for rows, _ in seen) == len(distinct)
    assert all(rows * length <= 100 for rows, length in seen)


def test_batches_keep_the_budget_and_cover_all(rng):
    lengths = rng.integers(1, 50, size=200).tolist()
    found = list(batches(lengths, 120))
    assert sorted(number for batch in found for number in batch) == list(range(200))
    assert all(len(batch) * max(lengths[n] for n in batch) <= 120 for batch in found)
    assert list(batches([300, 5], 120)) == [[0], [1]]
    assert list(batches([7, 7, 7], 14)) == [[0, 1], [2]]


def test_join_time_keeps_order_and_drops_repeats_in_a_row():
    rows = [["b"], ["b"], [".."], ["a"], [""], ["b"]]
    time = collect_texts({"r": rows}, window=6, join="time")
    assert time.texts == ("b", "b,a", "b,a,b")
    assert time.index["r"].ravel().tolist() == [0, 0, 0, 1, 1, 2]
    by_code_point = collect_texts({"r": [["b"], ["é"], ["B"], ["b"]]}, window=4, join="sorted")
    assert by_code_point.texts == ("b", "b,é", "B,b,é")


def test_joins_agree_on_a_window_of_one(bert):
    captions = story("bert")[1]
    time, ordered = (extract(bert, captions, join=join) for join in ("time", "sorted"))
    for run in captions:
        np.testing.assert_array_equal(time[run][3], ordered[run][3])


def test_silent_annotators_do_not_weigh_and_silence_is_zero(bert):
    found = extract(bert, {"r": [["a girl", ".."], ["", ".."], ["a girl", "milk"], ["milk", ""]]})
    rows = found["r"][3]
    assert not rows[1].any()
    np.testing.assert_allclose(rows[2], (rows[0] + rows[3]) / 2, rtol=1e-6, atol=1e-7)


def test_silence_throughout_and_runs_without_seconds(bert):
    found = extract(bert, {"r": [["..", ""]] * 3, "s": []}, layers=(2,))
    assert found["r"][2].shape == (3, 32)
    assert not found["r"][2].any()
    assert found["s"][2].shape == (0, 32)


def test_halves_and_all_are_flattened_to_one_width():
    model, captions = story("bert")
    widths = {
        extract(model, captions, annotators=part, tokens="flat", layers=(1,))["one"][1].shape
        for part in ("ALL", "splitA", "splitB")
    }
    assert len(widths) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "window: 0 is not allowed; must be 1 or more"),
        ({"batch_tokens": 0}, "batch_tokens: 0"),
        (
            {"layers": (0, 4)},
            r"layers \[0, 4\] cannot be extracted; it has layers 1 \(embeddings\) to 3",
        ),
        ({"layers": ()}, "layers none"),
        ({"join": "random"}, "join: 'random' is not known; must be one of time, sorted"),
        ({"tokens": "max"}, "must be one of avg, last, flat"),
        ({"annotators": "half"}, "must be one of ALL, splitA, splitB"),
        ({"annotators": "splitA"}, "run 'r': 3 annotators cannot be split.*use annotators: ALL"),
    ],
)
def test_wrong_options_are_refused_at_the_call(bert, options, message):
    valid = {"window": 1, "annotators": "ALL", "join": "time", "layers": (1,), "tokens": "avg"}
    with pytest.raises(ExtractionError, match=message):
        MODALITIES["semantic"].extract(
            bert, {"r": [["a", "b", "c"]]}, **{**valid, "batch_tokens": 8, **options}
        )


def test_rows_of_unequal_annotators_are_refused(bert):
    with pytest.raises(
        ExtractionError, match="run 'r', second 1: 1 annotators where second 0 has 2"
    ):
        extract(bert, {"r": [["a", "b"], ["a"]]})


def test_values_that_overflow_are_refused(bert, monkeypatch):
    embeddings = bert.network.embeddings.word_embeddings.weight
    keep = embeddings.detach().clone()
    with torch.no_grad():
        embeddings.fill_(float("nan"))
    try:
        with pytest.raises(ExtractionError, match=r"layer 1: values are not finite.*bfloat16"):
            extract(bert, {"r": [["milk"]]})
    finally:
        with torch.no_grad():
            embeddings.copy_(keep)


def test_paraphrases_are_nearer_than_unrelated_sentences():
    model = load("MiniLM")
    rows = [
        ["A man is playing the guitar."],
        ["Someone plays a guitar."],
        ["The stock market fell today."],
    ]
    x = extract(model, {"r": rows}, layers=(7,))["r"][7]
    assert x.shape == (3, 384)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert x[0] @ x[1] > max(x[0] @ x[2], x[1] @ x[2]) + 0.3


@pytest.mark.parametrize(
    "blank", ["", " ", "\u00a0", "\u3000", "…", ". .", "...", " .. ", "\u200b", "\ufeff"]
)
def test_blank_cells_of_any_script_are_silence(bert, blank):
    captions = {"run": [["a dog", "rain"], [blank, "rain"], [blank, blank]]}
    dots = {"run": [["a dog", "rain"], ["..", "rain"], ["..", ".."]]}
    found, expected = extract(bert, captions), extract(bert, dots)
    np.testing.assert_array_equal(found["run"][2], expected["run"][2])
    assert not found["run"][2][2].any()


@pytest.mark.parametrize("word", ["NA", "None", "null", "nan", "N/A", "?", ". no"])
def test_words_that_table_readers_call_missing_are_words(bert, word):
    assert extract(bert, {"run": [[word]]})["run"][2].any()
