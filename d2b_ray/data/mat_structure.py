"""Whether a MATLAB v5 file holds together: sizes and kinds of all its elements, before scipy reads it.

scipy's reader trusts them: a damaged tag can end the process. Format: MathWorks, "MAT-File Format".
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_structure"]

HEADER = 128
BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 2,
    5: 4,
    6: 4,
    7: 4,
    9: 8,
    12: 8,
    13: 8,
    16: 1,
    17: 2,
    18: 4,
}  # by kind
MATRIX, COMPRESSED = 14, 15
CELL, STRUCT, OBJECT, CHAR, SPARSE, LAST_NUMBER = 1, 2, 3, 4, 5, 15  # classes of arrays
MOST_BYTES = 1 << 31  # of a compressed element: voxels and regions of a brain are far below
DEEPEST = 30


def check_structure(content: bytes) -> None:
    """ValueError, in words, unless the elements of a v5 file fill it and each other."""
    if len(content) < HEADER or content[126:128] not in (b"IM", b"MI"):
        raise ValueError("it has no header of a MATLAB v5 file")
    order = "<" if content[126:128] == b"IM" else ">"
    for kind, inner in _elements(content[HEADER:], order):
        if kind == COMPRESSED:
            unpacked = zlib.decompressobj().decompress(inner, MOST_BYTES)
            for packed_kind, packed in _elements(unpacked, order):
                _check(packed_kind, packed, order, 0)
        else:
            _check(kind, inner, order, 0)


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each element, one after the other."""
    at = 0
    while at < len(content):
        if len(content) - at < 8:
            raise ValueError("an element is cut short")
        kind, size = struct.unpack_from(f"{order}II", content, at)
        start, step = at + 8, size + (-size % 8 if kind != COMPRESSED else 0)
        if kind >> 16:  # a small element: its size stands beside its kind, its content in the tag
            kind, size, start, step = kind & 0xFFFF, kind >> 16, at + 4, 0
            if size > 4:
                raise ValueError(f"a small element has {size} bytes")
        if kind not in BYTES and kind not in (MATRIX, COMPRESSED):
            raise ValueError(f"an element is of unknown kind {kind}")
        if start + size > len(content):
            raise ValueError(f"an element of {size} bytes reaches beyond the end")
        yield kind, content[start : start + size]
        at += 8 + step


def _check(kind: int, content: bytes, order: str, depth: int) -> None:
    """An array: its flags, dimensions and name, then what its class says."""
    if kind != MATRIX:
        raise ValueError(f"an element of kind {kind} stands where an array should")
    if not content:
        return  # an empty cell
    if depth > DEEPEST:
        raise ValueError(f"arrays lie more than {DEEPEST} deep")
    parts = list(_elements(content, order))
    if (
        len(parts) < 3
        or parts[0][0] != 6
        or len(parts[0][1]) != 8
        or not _are_dimensions(*parts[1])
    ):
        raise ValueError("an array lacks flags, dimensions or name")
    flags = struct.unpack(f"{order}II", parts[0][1])[0]
    dims = struct.unpack(f"{order}{len(parts[1][1]) // 4}i", parts[1][1])
    if any(size < 0 for size in dims) or len(dims) < 2:
        raise ValueError(f"an array has dimensions {dims}")
    count, rest, of = math.prod(dims), parts[3:], flags & 0xFF
    if of == CELL:
        _check_arrays(rest, count, order, depth)
    elif of in (STRUCT, OBJECT):
        rest = rest[1:] if of == OBJECT else rest
        if len(rest) < 2 or len(rest[0][1]) != 4:
            raise ValueError("a struct lacks its fields")
        (length,) = struct.unpack(f"{order}i", rest[0][1])
        if length < 1 or len(rest[1][1]) % length:
            raise ValueError("the names of a struct's fields do not fit their length")
        _check_arrays(rest[2:], count * (len(rest[1][1]) // length), order, depth)
    elif of == CHAR:
        if len(rest) != 1 or rest[0][0] == MATRIX:
            raise ValueError("a text has no characters")
    elif SPARSE < of <= LAST_NUMBER:
        _check_numbers(rest, count, 2 if flags & 0x800 else 1)
    elif of != SPARSE:
        raise ValueError(f"an array is of class {of}, which is not read here")


def _are_dimensions(kind: int, content: bytes) -> bool:
    return kind == 5 and not len(content) % 4


def _check_arrays(parts: list[tuple[int, bytes]], count: int, order: str, depth: int) -> None:
    if len(parts) != count:
        raise ValueError(f"{count} arrays should lie in one, and {len(parts)} do")
    for kind, content in parts:
        _check(kind, content, order, depth + 1)


def _check_numbers(parts: list[tuple[int, bytes]], count: int, halves: int) -> None:
    if len(parts) != halves:
        raise ValueError("an array has no numbers")
    for kind, content in parts:
        if kind not in BYTES or len(content) != count * BYTES[kind]:
            raise ValueError(
                f"an array of {count} numbers holds {len(content)} bytes of kind {kind}"
            )
