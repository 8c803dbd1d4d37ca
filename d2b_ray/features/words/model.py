"""Files of word vectors: word2vec's text and binary formats, GloVe's text format. Opens no pickle.

A file is walked from its first byte to its last, and only wanted words are kept: the millions of
others are never turned into numbers. A gzipped file is read as it is.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

import numpy as np

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from d2b_ray.arrays import FloatArray

__all__ = ["VectorFile", "probe", "read_vectors"]

HEAD = 1 << 20  # bytes that are looked at to know the format
CHUNK = 1 << 24
GZIP = b"\x1f\x8b"
PICKLE = b"\x80"  # first byte of every pickle since protocol 2
NUMPY = b"\x93NUMPY"


@dataclass(frozen=True, slots=True)
class VectorFile:
    """What a file of word vectors is: its `format`, a key of `FORMATS`, and the `width` of a vector."""

    path: Path
    format: str
    width: int


def probe(path: Path) -> VectorFile:
    """The format and width of a file, from its first MiB.

    word2vec: a first line `count width`, then text or float32; GloVe: a word and its numbers a line.
    Raises ExtractionError for a file that is not there, a pickle, and what is none of these.
    """
    with _opened(path) as file:
        head = file.read(HEAD)
    if head.startswith((PICKLE, NUMPY)):
        raise ExtractionError(
            f"{path}: gensim's own save is a pickle, which is never opened; in gensim, write it with "
            "vectors.save_word2vec_format('vectors.bin', binary=True) and name that file"
        )
    first, _, rest = head.partition(b"\n")
    counts = first.split()
    if len(counts) == 2 and all(count.isdigit() for count in counts):
        width = int(counts[1])
        line = rest.lstrip(b"\n").partition(b"\n")[0]
        if width:
            text = _numbers(line.split()[-width:], width) is not None
            return VectorFile(path, "word2vec_text" if text else "word2vec_binary", width)
    fields = first.split(b" ")
    if len(fields) > 2 and _numbers(fields[1:], len(fields) - 1) is not None:
        return VectorFile(path, "glove", len(fields) - 1)
    raise ExtractionError(
        f"{path}: no word vectors; must be word2vec's text or binary format (first line `count width`) "
        "or GloVe's text (a word and its numbers a line)"
    )


def read_vectors(file: VectorFile, words: Collection[str]) -> dict[str, FloatArray]:
    """{word: (width,) float32} of those `words` that the file knows; the first entry of a word counts.

    Raises ExtractionError where the file ends early or a wanted line is damaged.
    """
    wanted = {word.encode(): word for word in words}
    found: dict[str, FloatArray] = {}
    for key, vector in FORMATS[file.format](file, frozenset(wanted)):
        found.setdefault(wanted[key], vector)
        if len(found) == len(wanted):
            break
    return found


def _opened(path: Path) -> IO[bytes]:
    try:
        with path.open("rb") as file:
            packed = file.read(len(GZIP)) == GZIP
        return cast("IO[bytes]", (gzip.open if packed else open)(path, "rb"))
    except OSError as error:
        raise ExtractionError(
            f"word vectors {path}: cannot be read ({error.strerror}); model: must be the path of a "
            "file, such as ./glove.840B.300d.txt or ./GoogleNews-vectors-negative300.bin"
        ) from error


def _numbers(fields: list[bytes], width: int) -> FloatArray | None:
    if len(fields) != width:
        return None
    try:
        return np.array([float(field) for field in fields], dtype=np.float32)
    except ValueError:
        return None


def _text(
    file: VectorFile, wanted: frozenset[bytes], *, header: bool
) -> Iterator[tuple[bytes, FloatArray]]:
    with _opened(file.path) as lines:
        count, number, line = 0, 0, b""
        for number, line in enumerate(lines, start=1):
            if header and number == 1:
                count = int(line.split()[0])
                continue
            word, _, rest = line.partition(b" ")
            if word not in wanted:
                continue
            fields = rest.split()
            if len(fields) > file.width:  # the word itself has blanks, as some of GloVe's
                continue
            vector = _numbers(fields, file.width)
            if vector is None:
                raise ExtractionError(
                    f"{file.path}:{number}: {len(fields)} values after {word.decode()!r}; must be "
                    f"{file.width} numbers: the file is damaged or cut short"
                )
            yield word, vector
    # Reached only if some word was not found: it may stand in what is lacking.
    if len(line.split()) <= file.width or (header and number - 1 < count):
        told = f" of the {count:,} its first line tells" if header else ""
        raise ExtractionError(
            f"{file.path}: ends at line {number:,}, with {number - header:,} words{told}; it is cut short"
        )


def _glove(file: VectorFile, wanted: frozenset[bytes]) -> Iterator[tuple[bytes, FloatArray]]:
    yield from _text(file, wanted, header=False)


def _word2vec_text(
    file: VectorFile, wanted: frozenset[bytes]
) -> Iterator[tuple[bytes, FloatArray]]:
    yield from _text(file, wanted, header=True)


def _word2vec_binary(
    file: VectorFile, wanted: frozenset[bytes]
) -> Iterator[tuple[bytes, FloatArray]]:
    """Entries are: word, blank, `width` little-endian float32, perhaps a line feed."""
    size = 4 * file.width
    with _opened(file.path) as content:
        count = int(content.readline().split()[0])
        buffer, place = b"", 0
        for number in range(count):
            blank = buffer.find(b" ", place)
            while blank < 0 or len(buffer) < blank + 1 + size:
                more = content.read(CHUNK)
                if not more:
                    raise ExtractionError(
                        f"{file.path}: ends within entry {number + 1} of {count}; the file is cut short"
                    )
                buffer, place = buffer[place:] + more, 0
                blank = buffer.find(b" ", place)
            word = buffer[place:blank].lstrip(b"\n")
            if word in wanted:
                yield word, np.frombuffer(buffer, "<f4", file.width, blank + 1).astype(np.float32)
            place = blank + 1 + size


FORMATS: dict[str, Callable[[VectorFile, frozenset[bytes]], Iterator[tuple[bytes, FloatArray]]]] = {
    "glove": _glove,
    "word2vec_text": _word2vec_text,
    "word2vec_binary": _word2vec_binary,
}
"""By name: f(file, wanted words) -> the wanted entries as they come."""
