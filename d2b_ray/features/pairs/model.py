"""A loaded Hugging Face vision-language model with what feeds it frames and captions."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import ExtractionError
from d2b_ray.features.frames.pictures import Pictures, collate, load_pictures
from d2b_ray.features.models.checkpoint import load_network, load_part
from d2b_ray.features.pairs.adapters import ADAPTERS, Adapter
from d2b_ray.features.text.forward import pad_right
from d2b_ray.features.text.model import TextModel, max_tokens, pad_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from d2b_ray.features.models.sources import ModelSource

__all__ = ["Pair", "PairModel", "load_pair_model"]

Pair = tuple[dict[str, "Tensor"], list[int]]
"""A prepared frame, and the token numbers of a prompt."""


@dataclass(frozen=True, slots=True)
class PairModel:
    """A network in evaluation mode, its family's `adapter`, its `pictures` and its `reader` of text."""

    source: ModelSource
    network: Any
    adapter: Adapter
    pictures: Pictures
    reader: TextModel

    def tokenize(self, captions: Sequence[str]) -> list[list[int]]:
        """Token numbers of the prompt of each caption, special tokens included, not padded."""
        config = self.network.config
        return self.reader.tokenize([self.adapter.prompt(text, config) for text in captions])

    def run(self, batch: Sequence[Pair]) -> tuple[Sequence[Any], dict[str, Tensor]]:
        """States of all layers, and the inputs that made them, on the device.

        Prompts are padded on the right and masked, as in `forward`. A frame that stands in several pairs
        goes through the tower of images once, where the family has one.
        """
        ids, mask = pad_right([prompt for _, prompt in batch], self.reader.pad_id)
        shown = {id(pixels): pixels for pixels, _ in batch}
        tower = self.adapter.tower(self.network) if len(shown) < len(batch) else None
        if tower is None:
            inputs = collate([pixels for pixels, _ in batch], self.network)
        else:
            inputs = collate(list(shown.values()), self.network)
        inputs["input_ids"] = ids.to(self.network.device)
        inputs["attention_mask"] = mask.to(self.network.device)
        place = {frame: number for number, frame in enumerate(shown)}
        order = [place[id(pixels)] for pixels, _ in batch]
        with nullcontext() if tower is None else _repeated(tower, order):
            output = self.network(**inputs, output_hidden_states=True)
        return self.adapter.states(output), inputs


@contextmanager
def _repeated(tower: Any, order: Sequence[int]) -> Iterator[None]:
    """Within it, what `tower` gives of distinct frames is handed on a row a pair, in `order`."""
    import torch

    def repeat(module: Any, given: Any, output: Any) -> Any:
        rows = torch.tensor(order, device=output.last_hidden_state.device)
        for (
            name,
            value,
        ) in output.items():  # a tensor, or one a layer: none of those that nobody reads
            if isinstance(value, tuple):
                output[name] = tuple(None if part is None else part[rows] for part in value)
            else:
                output[name] = value[rows]
        return output

    handle = tower.register_forward_hook(repeat)
    try:
        yield
    finally:
        handle.remove()


def load_pair_model(source: ModelSource, *, device: str, dtype: str) -> PairModel:
    """Network, image processor and tokenizer of a source on `device` ("cpu", "cuda", "cuda:1").

    Raises ExtractionError for a family without adapter, and as `checkpoint.load_network` does.
    """
    if source.kind not in ADAPTERS:
        raise ExtractionError(
            f"model {source.name!r}: {source.kind} is no vision-language model that d2b_ray knows; "
            f"it must be one of {', '.join(ADAPTERS)}"
        )
    network = load_network(source, device=device, dtype=dtype)
    tokenizer = load_part(source, "AutoTokenizer")
    limit = max_tokens(tokenizer, network.config.get_text_config())
    reader = TextModel(source, network, tokenizer, device, limit, pad_id(tokenizer))
    return PairModel(source, network, ADAPTERS[source.kind], load_pictures(source), reader)
