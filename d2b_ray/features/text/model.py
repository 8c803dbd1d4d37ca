"""A loaded Hugging Face language model with its tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import ExtractionError
from d2b_ray.features.models.checkpoint import DTYPES, load_network, load_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.features.models.sources import ModelSource

__all__ = ["DTYPES", "TextModel", "load_text_model", "max_tokens", "pad_id"]

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

    def tokenize(
        self, texts: Sequence[str], *, cut: bool = True, special: bool = True
    ) -> list[list[int]]:
        """Token numbers of each text, not padded.

        `special` tokens of the model's own are added; `cut` to `max_tokens`.
        """
        if not texts:
            return []
        encoded = self.tokenizer(
            list(texts),
            truncation=cut and self.max_tokens is not None,
            max_length=self.max_tokens if cut else None,
            padding=False,
            return_attention_mask=False,
            add_special_tokens=special,
            verbose=False,  # of texts that are long
        )
        ids: list[list[int]] = encoded["input_ids"]
        for text, tokens in zip(texts, ids, strict=True):
            if not tokens:
                raise ExtractionError(
                    f"model {self.source.name!r}: caption {text!r} has no tokens; write `..` for none"
                )
        return ids


def load_text_model(
    source: ModelSource, *, device: str, dtype: str, auto_class: str = "AutoModel"
) -> TextModel:
    """Network and tokenizer of a source on `device` ("cpu", "cuda", "cuda:1").

    Raises ExtractionError for an encoder-decoder, and as `checkpoint.load_network` does.
    """
    network = load_network(source, device=device, dtype=dtype, auto_class=auto_class)
    tokenizer = load_part(source, "AutoTokenizer")
    if network.config.is_encoder_decoder:
        raise ExtractionError(
            f"model {source.name!r}: {source.kind} is an encoder-decoder; d2b_ray reads models with "
            "one stack of layers: take its encoder alone, or another model"
        )
    _check_tokenizer(source, tokenizer, network)
    return TextModel(
        source=source,
        network=network,
        tokenizer=tokenizer,
        device=device,
        max_tokens=max_tokens(tokenizer, network.config.get_text_config(), skipped_places(network)),
        pad_id=pad_id(tokenizer),
    )


def _check_tokenizer(source: ModelSource, tokenizer: Any, network: Any) -> None:
    """ExtractionError for a tokenizer without a vocabulary, or with more tokens than the network has rows."""
    files = "the tokenizer's files (tokenizer.json, or vocabulary and merges) of the same model"
    vocabulary = tokenizer.get_vocab()
    if not set(vocabulary) - set(tokenizer.all_special_tokens):
        raise ExtractionError(
            f"model {source.name!r}: {source.location} has no vocabulary; it must hold {files}"
        )
    rows = network.get_input_embeddings().weight.shape[0]
    largest = max(vocabulary.values())
    if largest >= rows:
        raise ExtractionError(
            f"model {source.name!r}: its tokenizer has token {largest}, and the network embeds {rows}: it is "
            f"of another model; {source.location} must hold {files}"
        )


def skipped_places(network: Any) -> int:
    """Rows of a table of positions that no token can have: RoBERTa counts from behind its padding row."""
    import torch

    for name, part in network.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, torch.nn.Embedding):
            return 0 if part.padding_idx is None else part.padding_idx + 1
    return 0


def max_tokens(tokenizer: Any, config: Any, skipped: int = 0) -> int | None:
    """Longest input that both the tokenizer and the network's positions allow, None without a limit."""
    limits = [getattr(config, key, None) for key in LENGTH_KEYS]
    limits = [n - skipped if n else None for n in limits]
    limits.append(tokenizer.model_max_length)
    return min((int(n) for n in limits if n and 0 < n < NO_LIMIT), default=None)


def pad_id(tokenizer: Any) -> int:
    """The token that fills batches; the tokenizer's own, if it has one."""
    candidates = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id)
    return next((int(number) for number in candidates if number is not None), 0)
