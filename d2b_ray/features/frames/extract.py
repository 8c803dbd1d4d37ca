"""The modality `vision`: frames seen by an image model. A feature row a second.

    x[s] = mean over the frames f of second s of v(f)

v are the pooled hidden states of a frame. Frames that repeat within a run are run once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from d2b_ray.features.ahead import ahead
from d2b_ray.features.checks import check_choice, check_layers, check_positive
from d2b_ray.features.frames.pictures import PREPARERS, Pictures, collate, load_pictures
from d2b_ray.features.models.checkpoint import load_network
from d2b_ray.features.models.pooling import POSITION_POOLS
from d2b_ray.features.models.shrinking import Shrinking
from d2b_ray.features.models.sizes import picture_sizes
from d2b_ray.features.models.sources import checkpoint_source
from d2b_ray.features.models.states import kept_rows
from d2b_ray.features.models.streams import encode, keyed_frames
from d2b_ray.features.text.averages import mean_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from d2b_ray.arrays import FloatArray
    from d2b_ray.features.frames.reader import Frame, FrameReader
    from d2b_ray.features.models.sources import ModelSource
    from d2b_ray.features.reduction import Projection

__all__ = ["VisionModel", "extract", "load", "source"]


Prepared = dict[str, "Tensor"]
Rows = dict[int, "FloatArray"]


@dataclass(frozen=True, slots=True)
class VisionModel:
    """A network in evaluation mode and the processor of its images."""

    source: ModelSource
    network: Any
    pictures: Pictures


def source(model: str, base: str | None, modality: str) -> ModelSource:
    """What a model's name stands for; its config.json says its layers and widths."""
    return checkpoint_source(model, base, modality, picture_sizes)


def load(source: ModelSource, *, device: str, dtype: str) -> VisionModel:
    """The image model of a source, or the vision tower of a model with text; see `checkpoint`."""
    network = load_network(source, device=device, dtype=dtype)
    return VisionModel(source, network, load_pictures(source))


def extract(
    model: Any,
    frames: FrameReader,
    *,
    frame_size: int | None,
    layers: Sequence[int],
    tokens: Literal["avg", "flat"],
    batch_size: int,
    reduce: Projection | None = None,
) -> Iterator[tuple[str, dict[int, FloatArray]]]:
    """Per run, in the order of `frames.seconds`: its name and {layer: (seconds, width) float32}.

    Args:
        model: as `load` returned it.
        frames: reader of the runs' frames (`media`).
        frame_size: pixels of the square that frames are resized to before the model's processor,
            None to leave their shape to it.
        layers: from 1, the embedding output, to `n_layers`.
        tokens: `avg` over patches or positions, class tokens among them, or `flat`.
        batch_size: frames a forward pass holds at most; fewer once the memory was full.
        reduce: projects wide rows as they are made, None for none.

    Raises ExtractionError at the call for what is asked wrongly and for runs that lack frames.
    """
    check_positive(batch_size=batch_size)
    if frame_size is not None:
        check_positive(frame_size=frame_size)
    check_layers(model.source, layers)
    check_choice("tokens", tokens, POSITION_POOLS)
    frames.check()
    forward = functools.partial(
        _forward, model, layers=tuple(layers), pool=POSITION_POOLS[tokens], reduce=reduce
    )
    return _runs(model, frames, frame_size, tuple(layers), batch_size, forward)


def _runs(
    model: VisionModel,
    frames: FrameReader,
    frame_size: int | None,
    layers: tuple[int, ...],
    batch_size: int,
    forward: Callable[[list[Prepared]], Rows],
) -> Iterator[tuple[str, Rows]]:
    shrinking = Shrinking[Prepared]()
    prepare = functools.partial(model.pictures.prepare, frame_size=frame_size)
    for run, seconds in frames.seconds.items():
        order: list[list[int]] = []  # of each second, the numbers of its frames
        distinct = _distinct(frames, run, seconds, order)
        prepared = ahead(prepare, distinct, threads=PREPARERS)
        rows = encode(prepared, forward, batch_size=batch_size, shrinking=shrinking)
        index = np.array(order, dtype=np.int64).reshape(seconds, -1 if seconds else 0)
        for layer in layers:
            rows.setdefault(layer, np.zeros((0, model.source.width_of(layer)), np.float32))
        yield run, {layer: mean_rows(rows[layer], index) for layer in layers}


def _distinct(
    frames: FrameReader, run: str, seconds: int, order: list[list[int]]
) -> Iterator[Frame]:
    """Frames of a run that were not there before; `order` is filled on the way."""
    numbers: dict[bytes, int] = {}
    for shown in keyed_frames(frames, run, range(seconds)):
        order.append([])
        for key, frame in shown:
            new = key not in numbers
            order[-1].append(numbers.setdefault(key, len(numbers)))
            if new:
                yield frame


def _forward(
    model: VisionModel,
    batch: list[Prepared],
    *,
    layers: tuple[int, ...],
    pool: Callable[[Tensor], Tensor],
    reduce: Projection | None,
) -> Rows:
    """{layer: (B, width)} of the hidden states (B, T, D), or maps (B, C, H, W), of a batch."""
    import torch

    with torch.inference_mode():
        pixels = collate(batch, model.network)["pixel_values"]  # (B, 3, H, W)
        output = model.network(pixel_values=pixels, output_hidden_states=True)
        return kept_rows(model.source.name, output.hidden_states, layers, pool, reduce)
