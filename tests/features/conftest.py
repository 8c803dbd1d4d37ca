"""The small models that laws are tried on."""

from __future__ import annotations

import functools

import pytest
import torch
from text_cases import GOLDEN, load
from tiny_models import TINY, tiny


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Threads that wait for each other cost more than models of two layers, on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def bert():
    """The small BERT of the golden cases: 3 layers, width 32, at most 30 tokens."""
    return load(str(GOLDEN / "text_bert" / "model"))


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """(modality, kind) -> a small model of random weights, made when first asked for."""
    return functools.partial(tiny, root=tmp_path_factory.mktemp("models"))


KINDS = [(modality, kind) for modality, kinds in TINY.items() for kind in kinds]


@pytest.fixture(params=KINDS, ids=["-".join(kind) for kind in KINDS])
def each_model(request, models):
    """(modality, small model) of every kind."""
    modality, kind = request.param
    return modality, models(modality, kind)
