"""Which model it was: cache before hub, gated and missing models, code of a model, digests of weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from text_cases import GOLDEN

from cluster import plain_environment
from d2b_ray.catalog import MODALITIES
from d2b_ray.errors import ExtractionError
from d2b_ray.features import fingerprint, identity, resolve
from d2b_ray.features.models import checkpoint as checkpoint_module

FOLDER = GOLDEN / "text_bert" / "model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ASK = """
import json, sys
from d2b_ray.catalog import MODALITIES
from d2b_ray.features import fingerprint, identity, resolve
from d2b_ray.errors import ExtractionError
source = resolve("lab/tiny")
before = fingerprint(source)
model = MODALITIES["semantic"].load(source, device="cpu", dtype="float32")
try:
    told = MODALITIES["semantic"].load(resolve("lab/bare"), device="cpu", dtype="float32")
except ExtractionError as error:
    told = str(error)
print(json.dumps([before, identity(model.source), model.network.config.hidden_size, told]))
"""


@pytest.fixture
def cache(tmp_path):
    """A Hugging Face cache that holds lab/tiny at a commit, and lab/bare without its weights."""
    for name in ("tiny", "bare"):
        home = tmp_path / "hub" / f"models--lab--{name}"
        shutil.copytree(FOLDER, home / "snapshots" / COMMIT)
        (home / "refs").mkdir()
        (home / "refs" / "main").write_text(COMMIT)
    (home / "snapshots" / COMMIT / "model.safetensors").unlink()
    return tmp_path / "hub"


def asked(cache, program=ASK):
    """The program with that cache and a network that leads nowhere."""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        env=plain_environment(HF_HUB_CACHE=str(cache), HF_ENDPOINT="http://127.0.0.1:9",
                              HF_HUB_OFFLINE="0", TRANSFORMERS_OFFLINE="0"),
    )  # fmt: skip


def test_what_the_cache_has_needs_no_network_and_missing_weights_are_one_line(cache):
    done = asked(cache)
    assert done.returncode == 0, done.stderr
    before, about, width, told = json.loads(done.stdout.splitlines()[-1])
    assert before == about["fingerprint"] == f"lab/tiny@{COMMIT}"
    assert about["revision"] == COMMIT
    assert about["weights"] == fingerprint(resolve(str(FOLDER)))  # the same files, by another name
    assert width == 32
    assert told.startswith("model 'lab/bare': lab/bare does not load")
    assert "\n" not in told


def test_a_gated_model_says_where_to_ask(monkeypatch):
    class GatedRepoError(OSError):
        """As the hub's."""

    def refuse(*_, **__):
        raise GatedRepoError("401 Client Error\nCannot access gated repo")

    monkeypatch.setattr(checkpoint_module, "_pretrained", refuse)
    with pytest.raises(ExtractionError, match=r"Llama-2-7b-hf is gated: ask for access") as caught:
        MODALITIES["semantic"].load(resolve("Llama2"), device="cpu", dtype="float32")
    assert "\n" not in str(caught.value)
    assert "hf auth login" in str(caught.value)


@pytest.fixture
def coded(tmp_path):
    """A model with code of its own: its configuration names a class in a file beside it."""
    folder = shutil.copytree(FOLDER, tmp_path / "coded")
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "lab_bert",
        "auto_map": {"AutoConfig": "own.LabConfig", "AutoModel": "own.LabModel"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(
        "from transformers import BertConfig, BertModel\n\n\n"
        "class LabConfig(BertConfig):\n    model_type = 'lab_bert'\n\n\n"
        "class LabModel(BertModel):\n    config_class = LabConfig\n"
    )
    return folder


def test_code_of_a_model_runs_only_if_trusted(coded, tmp_path, monkeypatch):
    source = resolve(str(coded))
    with pytest.raises(ExtractionError, match="trust_remote_code: true; read that code") as caught:
        MODALITIES["semantic"].load(source, device="cpu", dtype="float32")
    assert "\n" not in str(caught.value)
    program = (
        "import sys; from d2b_ray.catalog import MODALITIES; from d2b_ray.features import resolve\n"
        f"source = resolve({str(coded)!r}, remote_code=True)\n"
        "model = MODALITIES['semantic'].load(source, device='cpu', dtype='float32')\n"
        "print(type(model.network).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        env=plain_environment(HF_HOME=str(tmp_path / "home")),
    )  # fmt: skip
    assert done.stdout.split() == ["LabModel"], done.stderr


def test_code_that_may_run_counts(coded):
    plain, trusted = resolve(str(coded)), resolve(str(coded), remote_code=True)
    before = fingerprint(plain), fingerprint(trusted)
    (coded / "own.py").write_text("raise SystemExit")
    assert fingerprint(plain) == before[0]
    assert fingerprint(trusted) != before[1]
    assert identity(trusted)["weights"] == fingerprint(trusted)
