"""The modality `vision_language`: frames and captions read together. A feature row a second.

    x[s] = mean over the frames f of second s and the annotators a of [v(f, c[s, a]), t(f, c[s, a])]

v and t are the pooled hidden states of the image's tokens and of the text's (`adapters`); the text's
are always averaged. Pairs of frame and caption that repeat nearby are run once.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from d2b_ray.features.ahead import ahead
from d2b_ray.features.checks import check_choice, check_layers, check_positive
from d2b_ray.features.frames.pictures import PREPARERS
from d2b_ray.features.models.pooling import POSITION_POOLS, masked_avg
from d2b_ray.features.models.shrinking import Shrinking
from d2b_ray.features.models.sizes import pair_sizes
from d2b_ray.features.models.sources import checkpoint_source
from d2b_ray.features.models.states import kept_rows
from d2b_ray.features.models.streams import encode
from d2b_ray.features.pairs.model import Pair, PairModel, load_pair_model
from d2b_ray.features.pairs.reader import SILENCE, captions_of, distinct_pairs
from d2b_ray.features.text.averages import mean_rows
from d2b_ray.features.text.reader import ANNOTATORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor

    from d2b_ray.arrays import FloatArray, IntArray
    from d2b_ray.features.frames.reader import Frame, FrameReader, Scenes
    from d2b_ray.features.models.sources import ModelSource
    from d2b_ray.features.reduction import Projection

__all__ = ["extract", "load", "source"]

TOGETHER_S = 64  # seconds whose pairs are kept at once: 10 pairs a second and 33 layers are 0.7 GB

Rows = dict[int, "FloatArray"]


def source(model: str, base: str | None, modality: str) -> ModelSource:
    """What a model's name stands for; its config.json says its layers and widths."""
    return checkpoint_source(model, base, modality, pair_sizes)


def load(source: ModelSource, *, device: str, dtype: str) -> PairModel:
    """The vision-language model of a source; see `pairmodel.load_pair_model`."""
    return load_pair_model(source, device=device, dtype=dtype)


def extract(
    model: Any,
    scenes: Scenes,
    *,
    frame_size: int | None,
    annotators: Literal["ALL", "splitA", "splitB"],
    layers: Sequence[int],
    tokens: Literal["avg", "flat"],
    batch_size: int,
    silence: Literal["read", "skip"] = "read",
    reduce: Projection | None = None,
) -> Iterator[tuple[str, dict[int, FloatArray]]]:
    """Per run, in the order of `scenes.frames.seconds`: its name and {layer: (seconds, width) float32}.

    Args:
        model: as `load` returned it.
        scenes: reader of the runs' frames, and their captions.
        frame_size: pixels of the square that frames are resized to before the model's processor,
            None to leave their shape to it.
        annotators: ALL, or a half of five (1-3 / 4-5) or of two (1 / 2).
        layers: from 1, the embedding output (BridgeTower: the first cross-modal layer).
        tokens: `avg` over the image's tokens, or `flat`: these side by side; then the text's mean.
        batch_size: pairs a forward pass holds at most; fewer once the memory was full.
        silence: a caption `..` is `read` like any other, so that the frame always counts, or
            `skip`: missing, and zeros where all annotators are.
        reduce: projects wide rows as they are made, None for none.

    Raises ExtractionError at the call for what is asked wrongly, for runs that lack frames, and if
    captions and frames have unequal seconds.
    """
    check_positive(batch_size=batch_size)
    if frame_size is not None:
        check_positive(frame_size=frame_size)
    check_layers(model.source, layers)
    check_choice("annotators", annotators, ("ALL", *ANNOTATORS))
    check_choice("tokens", tokens, POSITION_POOLS)
    check_choice("silence", silence, SILENCE)
    scenes.frames.check()
    used = captions_of(scenes, silence).of(annotators)
    ids = model.tokenize(used.texts)
    prepare = functools.partial(_prepare, model, frame_size, ids)
    pool = POSITION_POOLS[tokens]
    forward = functools.partial(_forward, model, layers=tuple(layers), pool=pool, reduce=reduce)
    return _runs(model, scenes.frames, used.index, tuple(layers), batch_size, prepare, forward)


def _runs(
    model: PairModel,
    frames: FrameReader,
    texts: Mapping[str, IntArray],
    layers: tuple[int, ...],
    batch_size: int,
    prepare: Callable[[tuple[Frame, list[int]]], list[Pair]],
    forward: Callable[[list[Pair]], Rows],
) -> Iterator[tuple[str, Rows]]:
    shrinking = Shrinking[Pair]()
    for run, seconds in frames.seconds.items():
        parts: list[tuple[int, Rows]] = []
        for start in range(0, seconds, TOGETHER_S):
            order: list[list[int]] = []
            stretch = range(start, min(start + TOGETHER_S, seconds))
            seen = distinct_pairs(frames, run, stretch, texts[run], order)
            pairs = (pair for made in ahead(prepare, seen, threads=PREPARERS) for pair in made)
            rows = encode(pairs, forward, batch_size=batch_size, shrinking=shrinking)
            index = np.array(order, dtype=np.int64).reshape(len(stretch), -1)
            made = {layer: mean_rows(block, index) for layer, block in rows.items()}
            parts.append((len(stretch), made))
        yield run, {layer: _joined(parts, layer, model.source.width) for layer in layers}


def _joined(parts: Sequence[tuple[int, Rows]], layer: int, width: int) -> FloatArray:
    """Stretches of a run one after another; zeros where nobody said anything."""
    width = next((rows[layer].shape[1] for _, rows in parts if rows), width)
    blocks = [rows.get(layer, np.zeros((seconds, width), np.float32)) for seconds, rows in parts]
    return np.concatenate(blocks) if blocks else np.zeros((0, width), np.float32)


def _prepare(
    model: PairModel,
    frame_size: int | None,
    ids: Sequence[list[int]],
    seen: tuple[Frame, list[int]],
) -> list[Pair]:
    frame, texts = seen
    pixels = model.pictures.prepare(frame, frame_size)
    return [(pixels, ids[text]) for text in texts]


def _forward(
    model: PairModel,
    batch: list[Pair],
    *,
    layers: tuple[int, ...],
    pool: Callable[[Tensor], Tensor],
    reduce: Projection | None,
) -> Rows:
    """{layer: (B, width)}: [pool(image tokens), mean of text tokens] of a batch."""
    import torch

    with torch.inference_mode():
        states, inputs = model.run(batch)

        def joined(state: Any) -> Tensor:
            image, text, mask = model.adapter.split(state, inputs, model.network.config)
            return torch.cat([pool(image), masked_avg(text, mask)], dim=1)

        return kept_rows(model.source.name, states, layers, joined, reduce)
