"""Texts as token numbers, those longer than a model can read too: cut off, or read in windows that overlap.

Windows of a long text share half of what the model can read. Every token counts once, in the window
where at least half a window stands before it, or all that there is:

    text     [ 0 ......... 5 ......... 10 ........ 15 ... ]
    windows  [CLS 0 .................. 9 SEP]                  counts CLS 0 ... 9
                       [CLS 5 .................. 14 SEP]       counts 10 ... 14
                                   [CLS 10 ............ SEP]   counts 15 ... SEP
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from d2b_ray.arrays import FloatArray
    from d2b_ray.features.text.model import TextModel

__all__ = ["LONG_TEXTS", "Piece", "encode", "joined"]

LONG_TEXTS = ("truncate", "slide")


@dataclass(frozen=True, slots=True)
class Piece:
    """One input of a model: token numbers, of which those from `start` to `stop` count."""

    ids: tuple[int, ...]
    start: int
    stop: int

    @property
    def counted(self) -> int:
        """How many tokens count."""
        return self.stop - self.start


def encode(
    model: TextModel, texts: Sequence[str], long_texts: str = "truncate"
) -> list[tuple[Piece, ...]]:
    """The pieces of each text: one, or with `slide` as many windows as a long text takes.

    Raises ExtractionError for a text without tokens, and if a window has no room for text.
    """
    ids = model.tokenize(texts, cut=long_texts == "truncate")
    limit = model.max_tokens
    found: list[tuple[Piece, ...]] = []
    for text, tokens in zip(texts, ids, strict=True):
        if limit is None or len(tokens) <= limit:
            found.append((Piece(tuple(tokens), 0, len(tokens)),))
        else:
            found.append(tuple(_windows(model, text, tokens, limit)))
    return found


def _windows(model: TextModel, text: str, tokens: Sequence[int], limit: int) -> Iterator[Piece]:
    before, after = _added(model, text, tokens)
    content = tokens[len(before) : len(tokens) - len(after)]
    room = limit - len(before) - len(after)
    if room < 2:
        raise ExtractionError(
            f"model {model.source.name!r}: reads {limit} tokens at once, of which {limit - room} are "
            "its own; windows of text do not fit: use long_texts: truncate"
        )
    shared = room // 2
    done = 0  # tokens of the text that have counted
    while done < len(content):
        first = max(0, done - shared)
        inside = content[first : first + room]
        ends = first + len(inside) == len(content)
        start = len(before) + done - first if done else 0
        stop = len(before) + len(inside) + (len(after) if ends else 0)
        yield Piece((*before, *inside, *after), start, stop)
        done = first + len(inside)


def _added(
    model: TextModel, text: str, tokens: Sequence[int]
) -> tuple[Sequence[int], Sequence[int]]:
    """What the tokenizer puts before and after a text of its own, such as [CLS] and [SEP]."""
    plain = model.tokenize([text], cut=False, special=False)[0]
    for first in range(len(tokens) - len(plain) + 1):
        if list(tokens[first : first + len(plain)]) == plain:
            return tokens[:first], tokens[first + len(plain) :]
    raise ExtractionError(
        f"model {model.source.name!r}: its tokenizer puts tokens of its own into a text, which then "
        "cannot be read in windows: use long_texts: truncate"
    )


def joined(texts: Sequence[tuple[Piece, ...]], rows: FloatArray, tokens: str) -> FloatArray:
    """Rows of pieces -> rows of texts: x = sum_p n_p x_p / sum_p n_p, or that of the last piece.

    `rows` (pieces, width) in the order of the pieces, n_p tokens of a piece count; `tokens` is `avg`
    or `last`. -> (texts, width) float32.
    """
    if len(rows) == len(texts):
        return rows
    ends = np.cumsum([len(pieces) for pieces in texts])
    found = np.empty((len(texts), rows.shape[1]), np.float32)
    if tokens == "last":
        found[:] = rows[ends - 1]
        return found
    for text, pieces in enumerate(texts):
        own = rows[ends[text] - len(pieces) : ends[text]]
        weights = np.array([piece.counted for piece in pieces], np.float64)
        found[text] = own[0] if len(own) == 1 else weights @ own / weights.sum()
    return found
