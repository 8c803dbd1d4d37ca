"""Networks and their processors from a folder or the Hugging Face cache: safetensors only.

What the cache has is taken from there, at the commit that its configuration is of; the hub is asked
for the rest. Code of a model runs only if its source says so.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.errors import ExtractionError
from d2b_ray.features.models.shrinking import is_out_of_memory
from d2b_ray.features.models.sources import ask_hub, hub_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from d2b_ray.features.models.sources import ModelSource

__all__ = ["DTYPES", "load_network", "load_part"]

DTYPES = ("float32", "float16", "bfloat16")
PICTURES = "pixel_values"
UNUSED = ("pooler", "lm_head", "masked_spec_embed")  # no hidden state depends on these weights
TOWER = r"^(model\.)?(vision_tower\.)?(vision_model\.)?"  # names of a vision tower's weights


def load_network(
    source: ModelSource, *, device: str, dtype: str, auto_class: str = "AutoModel"
) -> Any:
    """The network of a source on `device` ("cpu", "cuda", "cuda:1"), in evaluation mode.

    `auto_class` of transformers: AutoModel, or one with a head. Where its modality feeds pictures, only
    the vision tower of a model that has one (`vision_config`); its other weights are not read.

    Raises ExtractionError for an unknown dtype, a device that is not there, weights that are
    missing, incomplete or not safetensors, and a network that another modality feeds.
    """
    import torch
    import transformers

    if dtype not in DTYPES:
        raise ExtractionError(f"dtype {dtype!r}: must be one of {', '.join(DTYPES)}")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ExtractionError(f"device {device!r}: torch sees no GPU here; use device: cpu")
    options: dict[str, Any] = {}
    takes = MODALITIES[source.modality].takes
    with _loading(source):
        config = _pretrained(transformers.AutoConfig, source)
        if PICTURES in takes and hasattr(config, "vision_config"):
            options = {"config": config.vision_config, "key_mapping": {TOWER: ""}}
        network, found = _pretrained(
            getattr(transformers, auto_class),
            source,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    headed = auto_class != "AutoModel"
    _check(source, network, found["missing_keys"], UNUSED[:1] if headed else UNUSED)
    for part in (network.config, network.config.get_text_config()):
        if hasattr(part, "use_cache"):
            part.use_cache = False  # no next token is asked for, so no keys are kept for it
    from d2b_ray.features.models.linear import by_onednn

    return by_onednn(network.to(device).eval())


def load_part(source: ModelSource, auto_class: str, **options: Any) -> Any:
    """What feeds the network: `auto_class` is AutoTokenizer, AutoImageProcessor or
    AutoFeatureExtractor of transformers. Raises ExtractionError if its files are missing."""
    import transformers

    with _loading(source):
        return _pretrained(getattr(transformers, auto_class), source, **options)


def _pretrained(auto_class: Any, source: ModelSource, **options: Any) -> Any:
    """What the folder has, or the cache; only what is not there is asked of the hub."""
    options["trust_remote_code"] = source.remote_code
    if source.is_local:
        return auto_class.from_pretrained(source.location, **options)
    config = hub_config(source.location)
    if config is not None:
        options["revision"] = config.parent.name
    try:
        return auto_class.from_pretrained(source.location, local_files_only=True, **options)
    except OSError as error:
        try:
            ask_hub(source.location)  # a download is retried for a minute where there is no network
        except Exception as refusal:  # the classes differ with the HTTP client that the hub uses
            raise OSError(str(error)) from refusal
    return auto_class.from_pretrained(source.location, **options)


def _check(source: ModelSource, network: Any, missing: Any, unused: Sequence[str]) -> None:
    takes = str(network.main_input_name)
    if takes not in MODALITIES[source.modality].takes:
        feeds = (name for name in MODALITIES.own if takes in MODALITIES[name].takes)
        raise ExtractionError(
            f"model {source.name!r}: {source.kind} takes {takes} and cannot be read by modality "
            f"{source.modality}; use modality: {next(feeds, 'another')}, or another model"
        )
    absent = sorted(name for name in missing if not any(word in name for word in unused))
    if absent:
        raise ExtractionError(
            f"model {source.name!r}: {source.location} holds no weights for {absent[0]} and "
            f"{len(absent) - 1} others of {type(network).__name__}, which would be random; give a "
            "complete checkpoint"
        )


@contextmanager
def _loading(source: ModelSource) -> Iterator[None]:
    """Whatever a checkpoint does wrong becomes one line; nothing is drawn on stderr meanwhile."""
    try:
        with _quiet():
            yield
    except Exception as error:  # a configuration can be wrong in as many ways as there are models
        if is_out_of_memory(error):
            raise
        raise ExtractionError(_what_to_do(source, error)) from error


def _what_to_do(source: ModelSource, error: BaseException) -> str:
    """One line for a checkpoint that does not load: is it gated, is it not here, or is it damaged?"""
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    model = f"model {source.name!r}: {source.location}"
    causes = {type(cause).__name__ for cause in _causes(error)}
    if not source.is_local and ("GatedRepoError" in causes or "gated repo" in str(error)):
        return (
            f"{model} is gated: ask for access at its page on the hub, then `hf auth login`, then `hf "
            f"download {source.location}` on every machine that extracts"
        )
    if not source.is_local and hub_config(source.location) is None:
        return (
            f"{model} is not in the Hugging Face cache of this machine, and cannot be downloaded; run "
            f"`hf download {source.location}` where there is network (gated models: `hf auth login` "
            "first), or give a local folder"
        )
    if "trust_remote_code" in str(error):
        return (
            f"{model} brings code of its own, which does not run unless its feature block says "
            "trust_remote_code: true; read that code first, it can do anything that you can"
        )
    return (
        f"{model} does not load ({type(error).__name__}: {reason}); it needs config.json, tokenizer or "
        "processor files and *.safetensors (pickled *.bin are never opened: convert them with "
        "`save_pretrained`), here or in the Hugging Face cache (gated models: `hf auth login` first)"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers draws bars and tables of names on stderr, which many workers would share; its
    settings are put back. Weights that are missing are refused above, not only reported."""
    import transformers

    logging: Any = transformers.utils.logging  # its functions carry no types
    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()
