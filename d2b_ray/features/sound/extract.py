"""The modality `audio`: sound heard by an audio model. A feature row a second.

    x[s] = v(the `window` seconds of sound that end with second s)

v are the pooled hidden states of that sound. At the start of a run, its first second is put in front
as often as seconds are lacking. Stretches that repeat within a run (silence) are run once.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from d2b_ray.features.ahead import ahead
from d2b_ray.features.checks import check_choice, check_layers, check_positive
from d2b_ray.features.frames.pictures import collate
from d2b_ray.features.models.pooling import POSITION_POOLS
from d2b_ray.features.models.shrinking import Shrinking
from d2b_ray.features.models.sizes import sound_sizes
from d2b_ray.features.models.sources import checkpoint_source
from d2b_ray.features.models.states import kept_rows
from d2b_ray.features.models.streams import digest, encode
from d2b_ray.features.sound.model import AudioModel, load_audio_model
from d2b_ray.features.sound.reader import segments
from d2b_ray.features.text.averages import mean_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from d2b_ray.arrays import Array, FloatArray
    from d2b_ray.features.frames.reader import SoundReader
    from d2b_ray.features.models.sources import ModelSource
    from d2b_ray.features.reduction import Projection

__all__ = ["extract", "load", "source"]

PREPARERS = 2  # threads that make spectrograms while the model runs

Prepared = dict[str, "Tensor"]
Rows = dict[int, "FloatArray"]


def source(model: str, base: str | None, modality: str) -> ModelSource:
    """What a model's name stands for; its config.json says its layers and widths."""
    return checkpoint_source(model, base, modality, sound_sizes)


def load(source: ModelSource, *, device: str, dtype: str) -> AudioModel:
    """The audio model of a source, or the encoder of one; see `audiomodel.load_audio_model`."""
    return load_audio_model(source, device=device, dtype=dtype)


def extract(
    model: Any,
    sound: SoundReader,
    *,
    window: int,
    layers: Sequence[int],
    tokens: Literal["avg", "flat"],
    batch_size: int,
    reduce: Projection | None = None,
) -> Iterator[tuple[str, dict[int, FloatArray]]]:
    """Per run, in the order of `sound.seconds`: its name and {layer: (seconds, width) float32}.

    Args:
        model: as `load` returned it.
        sound: reader of the runs' sound (`media`).
        window: seconds >= 1 of sound that are heard for a row, the present one included.
        layers: from 1, the embedding output, to `n_layers`.
        tokens: `avg` over positions in time (and frequency), or `flat`.
        batch_size: stretches of sound a forward pass holds at most; fewer once the memory was full.
        reduce: projects wide rows as they are made, None for none.

    Raises ExtractionError at the call for what is asked wrongly and for runs that lack sound.
    """
    check_positive(window=window, batch_size=batch_size)
    check_layers(model.source, layers)
    check_choice("tokens", tokens, POSITION_POOLS)
    model.check_window(window)
    sound.check()
    pool = POSITION_POOLS[tokens]
    forward = functools.partial(
        _forward, model, window=window, layers=tuple(layers), pool=pool, reduce=reduce
    )
    return _runs(model, sound, window, tuple(layers), batch_size, forward)


def _runs(
    model: AudioModel,
    sound: SoundReader,
    window: int,
    layers: tuple[int, ...],
    batch_size: int,
    forward: Callable[[list[Prepared]], Rows],
) -> Iterator[tuple[str, Rows]]:
    shrinking = Shrinking[Prepared]()
    for run, seconds in sound.seconds.items():
        order: list[int] = []  # of each second, the number of its stretch
        rows: Rows = {}
        if seconds:
            heard = segments(sound.sound(run, model.rate), model.rate, window)
            prepared = ahead(model.prepare, _distinct(heard, order), threads=PREPARERS)
            rows = encode(prepared, forward, batch_size=batch_size, shrinking=shrinking)
        index = np.array(order, dtype=np.int64).reshape(seconds, 1)
        for layer in layers:
            rows.setdefault(layer, np.zeros((0, model.source.width_of(layer)), np.float32))
        yield run, {layer: mean_rows(rows[layer], index) for layer in layers}


def _distinct(heard: Array, order: list[int]) -> Iterator[FloatArray]:
    """Stretches of a run that were not there before; `order` is filled on the way."""
    numbers: dict[bytes, int] = {}
    for stretch in heard:
        key = digest(stretch)
        new = key not in numbers
        order.append(numbers.setdefault(key, len(numbers)))
        if new:
            yield stretch


def _forward(
    model: AudioModel,
    batch: list[Prepared],
    *,
    window: int,
    layers: tuple[int, ...],
    pool: Callable[[Tensor], Tensor],
    reduce: Projection | None,
) -> Rows:
    """{layer: (B, width)} of the hidden states (B, T, D) of a batch of equally long sounds."""
    import torch

    heard = model.positions(window)
    with torch.inference_mode():
        output = model.network(**collate(batch, model.network), output_hidden_states=True)
        return kept_rows(
            model.source.name, output.hidden_states, layers, lambda h: pool(h[:, :heard]), reduce
        )
