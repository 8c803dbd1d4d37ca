"""Dense layers by oneDNN are dense layers: against torch's own product, and in whole networks."""

from __future__ import annotations

import pytest
import torch
from text_cases import GOLDEN
from tiny_models import TINY

from d2b_ray.features import resolve
from d2b_ray.features.models import linear as linear_module
from d2b_ray.features.models.checkpoint import load_network
from d2b_ray.features.models.linear import KINDS, by_onednn, linear


@pytest.fixture(autouse=True)
def _inference(monkeypatch):
    monkeypatch.setattr(linear_module, "_of_intel", lambda: False)
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("shape", [(1, 24), (7, 24), (2, 3, 24), (0, 24), (2, 0, 24)])
@pytest.mark.parametrize("biased", [True, False])
def test_it_is_the_linear_layer(shape, biased):
    torch.manual_seed(1)
    rows, weight = torch.randn(shape), torch.randn(40, 24)
    bias = torch.randn(40) if biased else None
    expected = torch.nn.functional.linear(rows.double(), weight.double(), None).float()
    expected = expected + bias if biased else expected
    torch.testing.assert_close(linear(rows, weight, bias), expected, rtol=1e-5, atol=1e-5)


def test_rows_that_do_not_lie_in_order():
    rows, weight = torch.randn(24, 5, 3).permute(2, 1, 0), torch.randn(6, 24)
    torch.testing.assert_close(linear(rows, weight, None), rows @ weight.T, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", ["text_bert", "text_gpt2", "text_llama", "text_opt"])
def test_a_network_gives_what_it_gave(case):
    import transformers

    folder = str(GOLDEN / case / "model")
    plain = transformers.AutoModel.from_pretrained(folder).eval()
    quick = load_network(resolve(folder), device="cpu", dtype="float32")
    assert any(type(module) in KINDS.values() for module in quick.modules())
    assert not any(type(module) in KINDS for module in quick.modules())
    ids = torch.arange(3, 15).reshape(2, 6)
    expected, found = (
        network(input_ids=ids, output_hidden_states=True).hidden_states
        for network in (plain, quick)
    )
    for mine, its in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-5)


def test_other_types_keep_torchs_product(tmp_path):
    source = resolve(TINY["vision"]["vit"](tmp_path / "vit"), modality="vision")
    network = load_network(source, device="cpu", dtype="bfloat16")
    assert not any(type(module) in KINDS.values() for module in network.modules())


def test_intels_processors_keep_torchs_product(monkeypatch):
    monkeypatch.setattr(linear_module, "_of_intel", lambda: True)
    assert type(by_onednn(torch.nn.Linear(3, 4))) is torch.nn.Linear


def test_without_the_operation_nothing_changes(monkeypatch):
    def missing(*_):
        raise NotImplementedError("drill")

    monkeypatch.setattr(linear_module, "linear", missing)
    linear_module._works.cache_clear()
    try:
        layer = torch.nn.Linear(3, 4)
        assert type(by_onednn(layer)) is torch.nn.Linear
    finally:
        linear_module._works.cache_clear()
