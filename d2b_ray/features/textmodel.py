"""A loaded Hugging Face language model with its tokenizer: safetensors only, no code from the hub."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from d2b_ray.features.sources import ModelSource

__all__ = ["DTYPES", "TextModel", "load_text_model"]

DTYPES = ("float32", "float16", "bfloat16")
LENGTH_KEYS = ("max_position_embeddings", "n_positions")
NO_LIMIT = 1_000_000  # tokenizers without a limit say 1e30


@dataclass(frozen=True, slots=True)
class TextModel:
    """A network in evaluation mode and what is needed to feed it.

    `max_tokens`: longest input incl. special tokens, None without a limit; `pad_id`: fills batches
    (masked, so its value does not matter, except for `flat`).
    """

    source: ModelSource
    network: Any
    tokenizer: Any
    device: str
    max_tokens: int | None
    pad_id: int

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, special tokens included, cut to `max_tokens`, not padded."""
        if not texts:
            return []
        encoded = self.tokenizer(
            list(texts),
            truncation=self.max_tokens is not None,
            max_length=self.max_tokens,
            padding=False,
            return_attention_mask=False,
        )
        ids: list[list[int]] = encoded["input_ids"]
        for text, tokens in zip(texts, ids, strict=True):
            if not tokens:
                raise ExtractionError(
                    f"model {self.source.name!r}: caption {text!r} has no tokens; write `..` for none"
                )
        return ids


def load_text_model(source: ModelSource, *, device: str, dtype: str) -> TextModel:
    """Network and tokenizer of a source on `device` ("cpu", "cuda", "cuda:1").

    Raises ExtractionError for an unknown dtype, a device that is not there, an encoder-decoder, and
    weights that are missing or not safetensors.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer

    if dtype not in DTYPES:
        raise ExtractionError(f"dtype {dtype!r}: must be one of {', '.join(DTYPES)}")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ExtractionError(f"device {device!r}: torch sees no GPU here; use device: cpu")
    try:
        with _no_progress_bars():
            network = AutoModel.from_pretrained(
                source.location,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                trust_remote_code=False,
            )
        tokenizer = AutoTokenizer.from_pretrained(source.location, trust_remote_code=False)
    except (OSError, ValueError, ImportError, KeyError, SafetensorError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise ExtractionError(
            f"model {source.name!r}: {source.location} does not load ({type(error).__name__}: "
            f"{reason}); it needs config.json, tokenizer files and *.safetensors (pickled *.bin are "
            "never opened: convert them with `save_pretrained`), here or in the Hugging Face cache"
        ) from error
    if network.config.is_encoder_decoder:
        raise ExtractionError(
            f"model {source.name!r}: {source.kind} is an encoder-decoder; d2b_ray reads models with "
            "one stack of layers: take its encoder alone, or another model"
        )
    return TextModel(
        source=source,
        network=network.to(device).eval(),
        tokenizer=tokenizer,
        device=device,
        max_tokens=_max_tokens(tokenizer, network.config.get_text_config()),
        pad_id=_pad_id(tokenizer),
    )


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """transformers draws bars on stderr, which many workers would share; its setting is put back."""
    import transformers

    logging: Any = transformers.utils.logging  # its functions carry no types
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _max_tokens(tokenizer: Any, config: Any) -> int | None:
    limits = [getattr(config, key, None) for key in LENGTH_KEYS]
    limits.append(tokenizer.model_max_length)
    return min((int(n) for n in limits if n and 0 < n < NO_LIMIT), default=None)


def _pad_id(tokenizer: Any) -> int:
    candidates = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id)
    return next((int(number) for number in candidates if number is not None), 0)
