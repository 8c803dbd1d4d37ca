"""Rows of a chunked HDF5 array by several threads; the library unpacks one chunk at a time.

Raw chunks are taken from the library, unpacked (deflate, shuffle) and cut to the wanted columns side by
side, each once. What is packed otherwise, or in very large chunks, is left to the library.
"""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from d2b_ray.allotment import cores, memory_bytes

if TYPE_CHECKING:
    from d2b_ray.arrays import Array, FloatArray, IntArray

__all__ = ["DamagedChunkError", "rows_by_chunks"]

MOST_THREADS = 32
HELD_SHARE = 24  # of this machine's memory, for unpacked chunks of all threads together, or
MOST_HELD = 8 << 30  # bytes
COPIES = 3  # of a chunk while it is unpacked
MOST_CHUNKS = 4096  # of a file: to find the n-th takes n steps
DEFLATE, SHUFFLE = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE


class DamagedChunkError(Exception):
    """A chunk does not unpack; the message says where it begins."""


def rows_by_chunks(series: Any, columns: IntArray, rows: int) -> FloatArray | None:
    """First `rows` rows of the wanted `columns`, (rows, V) float32, or None if the library must read them.

    `series` a dataset (..., n, width), axes before the last two of length 1. Raises DamagedChunkError.
    """
    threads = _threads(series)
    if threads < 2:
        return None
    out = np.full((rows, len(columns)), series.fillvalue, np.float32)

    def unpack(offset: tuple[int, ...]) -> None:
        first, left = offset[-2:]
        height, width = series.chunks[-2:]
        own = np.flatnonzero((columns >= left) & (columns < left + width))
        stop = min(first + height, rows)
        if stop <= first or not len(own):
            return
        try:
            block = _unpacked(series, offset)
        except (zlib.error, ValueError, OSError) as error:
            raise DamagedChunkError(f"rows {first} to {stop}: {error}") from error
        whole = slice(None) if len(own) == len(columns) else own
        out[first:stop, whole] = block[: stop - first, columns[own] - left]

    offsets = [series.id.get_chunk_info(n).chunk_offset for n in range(series.id.get_num_chunks())]
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(unpack, offsets):  # an error of a thread is raised here
            pass
    return out


def _threads(series: Any) -> int:
    """How many chunks are unpacked at a time; 0 where this module does not know how."""
    if series.chunks is None or _filters(series) is None:
        return 0
    if series.id.get_num_chunks() > MOST_CHUNKS:
        return 0
    size = COPIES * int(np.prod(series.chunks)) * series.dtype.itemsize
    held = min(MOST_HELD, memory_bytes() // HELD_SHARE)
    return int(min(MOST_THREADS, cores(), held // size))


def _filters(series: Any) -> tuple[int, ...] | None:
    """Which are applied, in order; None if others than deflate and shuffle are among them."""
    properties = series.id.get_create_plist()
    found = tuple(properties.get_filter(n)[0] for n in range(properties.get_nfilters()))
    return found if found in ((), (DEFLATE,), (SHUFFLE, DEFLATE)) else None


def _unpacked(series: Any, offset: tuple[int, ...]) -> Array:
    """A chunk as (height, width)."""
    skipped, content = series.id.read_direct_chunk(offset)
    for place, kind in reversed(list(enumerate(_filters(series) or ()))):
        if skipped >> place & 1:
            continue
        if kind == DEFLATE:
            content = zlib.decompress(content)
        else:
            parts = np.frombuffer(content, np.uint8).reshape(series.dtype.itemsize, -1)
            content = parts.T.tobytes()
    return np.frombuffer(content, series.dtype).reshape(series.chunks[-2:])
