"""Surprisal and entropy of words, against the logits of the whole network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden_cases import GOLDEN
from test_spoken import SAID, words_of

from d2b_ray.errors import ExtractionError
from d2b_ray.features.surprise.extract import check_causal, extract, load, source
from d2b_ray.features.text.model import load_text_model


def loaded(name):
    found = source(str(GOLDEN / "features" / name / "model"), None, "surprisal")
    return load(found, device="cpu", dtype="float32")


@pytest.mark.parametrize("name", ["text_gpt2", "text_opt"])
def test_both_are_those_of_the_networks_logits(name):
    model = loaded(name)
    ((_, found),) = extract(model, {"a": words_of(*SAID)}, context=4, layers=[0], batch_tokens=64)
    assert found[0].shape == (len(SAID), 2)
    for place, word in enumerate(SAID):
        shown = " ".join(SAID[max(0, place - 3) : place + 1])
        coded = model.tokenizer(shown, return_offsets_mapping=True)
        ids, offsets = coded["input_ids"], coded["offset_mapping"]
        bos = model.tokenizer.bos_token_id
        if bos is not None and ids[0] != bos:
            ids, offsets = [bos, *ids], [(0, 0), *offsets]
        start = len(shown) - len(word)
        own = [n for n, (a, b) in enumerate(offsets) if b > max(a, start)]
        with torch.inference_mode():
            logits = model.network(torch.tensor([ids])).logits[0].double()
        p = torch.softmax(logits, -1)
        bits = -sum(float(torch.log2(p[n - 1, ids[n]])) for n in own if n)
        before = p[own[0] - 1] if own[0] else None
        entropy = 0.0 if before is None else -float((before * torch.log2(before)).sum())
        np.testing.assert_allclose(found[0][place], [bits, entropy], rtol=1e-4, atol=1e-4)


def test_a_checkpoint_without_its_head_is_refused():
    with pytest.raises(ExtractionError, match=r"holds no weights for lm_head"):
        loaded("text_llama")


def test_a_model_that_sees_what_comes_later_is_refused():
    for name, words in (("text_gpt2", None), ("text_bert", "sees what comes later")):
        found = source(str(GOLDEN / "features" / name / "model"), None, "surprisal")
        model = load_text_model(found, device="cpu", dtype="float32")
        if words is None:
            check_causal(model)
            continue
        with pytest.raises(ExtractionError, match=words):
            check_causal(model)
