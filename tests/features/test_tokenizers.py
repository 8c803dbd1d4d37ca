"""Tokenizers that are missing or of another model, and tables of positions with a padding row."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from text_cases import GOLDEN
from tiny_models import made, save

from d2b_ray.errors import ExtractionError
from d2b_ray.features import resolve
from d2b_ray.features.text.model import load_text_model

BERT = "text_bert"
SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
         "max_position_embeddings": 66, "pad_token_id": 1}  # fmt: skip


def loaded(folder):
    source = resolve(str(folder), "", "semantic")
    return load_text_model(source, device="cpu", dtype="float32")


def vocabulary() -> int:
    tokenizer = json.loads((GOLDEN / BERT / "model/tokenizer.json").read_text())
    return max(tokenizer["model"]["vocab"].values()) + 1


def test_a_table_of_positions_with_a_padding_row_holds_fewer_tokens(tmp_path):
    """66 places behind padding row 1: 64 can be had, and the 65th would end in an index error."""
    network = made("RobertaConfig", "RobertaModel", vocab_size=vocabulary(), **SIZES)
    folder = save(tmp_path, network, tokenizer=BERT)
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_max_length": 10**30}))
    assert loaded(folder).max_tokens == 64
    assert loaded(GOLDEN / BERT / "model").max_tokens > 0


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    network = made("RobertaConfig", "RobertaModel", vocab_size=20, **SIZES)
    folder = save(tmp_path, network, tokenizer=BERT)
    with pytest.raises(ExtractionError, match="and the network embeds 20: it is of another model"):
        loaded(folder)


def test_a_missing_tokenizer_is_named_and_no_caption(tmp_path):
    folder = Path(shutil.copytree(GOLDEN / BERT / "model", tmp_path / "model"))
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ExtractionError, match="tokenizer") as error:
        loaded(folder)
    assert "caption" not in str(error.value)
