"""A stream of prepared items -> rows of their hidden states: batches, and distinct items once."""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from d2b_ray.features.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from d2b_ray.arrays import Array, FloatArray
    from d2b_ray.features.frames.reader import Frame, FrameReader
    from d2b_ray.features.models.shrinking import Shrinking

__all__ = ["digest", "encode", "keyed_frames"]

Item = TypeVar("Item")


def digest(array: Array) -> bytes:
    """Equal for arrays of equal shape and bytes."""
    content = hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=16)
    content.update(repr((array.shape, array.dtype.str)).encode())
    return content.digest()


def keyed_frames(
    frames: FrameReader, run: str, seconds: range
) -> Iterator[list[tuple[bytes, Frame]]]:
    """The frames of each second with their digests, read ahead by the reader's threads."""

    def read(second: int) -> list[tuple[bytes, Frame]]:
        return [(digest(frame), frame) for frame in frames.frames(run, second)]

    return ahead(read, seconds, threads=frames.threads)


def encode(
    items: Iterable[Item],
    forward: Callable[[list[Item]], dict[int, FloatArray]],
    *,
    batch_size: int,
    shrinking: Shrinking[Item],
) -> dict[int, FloatArray]:
    """{layer: (items, width) float32} in the order of `items`, which are taken as they come.

    `forward` gives the rows of at most `batch_size` items. No items, no layers.
    """
    parts: dict[int, list[FloatArray]] = {}
    for _, rows in shrinking(_groups(items, batch_size), forward):
        for layer, block in rows.items():
            parts.setdefault(layer, []).append(block)
    return {layer: np.concatenate(blocks) for layer, blocks in parts.items()}


def _groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    walk = iter(items)
    while group := list(islice(walk, size)):
        yield group
