"""Praat TextGrids: short, long and chronological text files, read leniently.

Praat's text format is a row of numbers, strings in quotes (quotes inside doubled, line breaks allowed) and
flags `<exists>`; whatever else stands between them, as `xmin =`, is for people. Readers that are strict
about intervals fail on aligners' overlaps of 1e-4 s; here times are taken as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Interval", "read_textgrid"]

TOKEN = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"|(?P<flag><[^>\n]*>)|![^\n]*'
    r"|(?<!\S)(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?!\S)"
)
CHRONOLOGICAL = "Praat chronological TextGrid text file"


class Interval(NamedTuple):
    """A label from `start` to `end`, in seconds; of a point both are the same."""

    start: float
    end: float
    label: str


def read_textgrid(path: Path) -> dict[str, list[Interval]]:
    """Tier -> its labels in order, empty ones too. DataError for what is no TextGrid of text."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        tokens = _tokens(content.decode(encoding))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: must be UTF-8 or UTF-16") from error
    try:
        kind = next(tokens)
        if kind == CHRONOLOGICAL:
            return _chronological(tokens)
        return _tiers(kind, tokens)
    except (StopIteration, ValueError, TypeError, IndexError) as error:
        raise DataError(
            f"{path}: is no TextGrid in Praat's text format ({error or 'it ends too soon'})"
        ) from error


def _tokens(text: str) -> Iterator[str | float]:
    for found in TOKEN.finditer(text):
        if found["text"] is not None:
            yield " ".join(found["text"].replace('""', '"').split())
        elif found["number"] is not None:
            yield float(found["number"]) + 0.0  # Praat writes -0


def _tiers(kind: str | float, tokens: Iterator[str | float]) -> dict[str, list[Interval]]:
    if kind != "ooTextFile" or next(tokens) != "TextGrid":
        raise ValueError("it begins otherwise")
    _number(tokens), _number(tokens)
    found: dict[str, list[Interval]] = {}
    for _ in range(int(_number(tokens))):
        tier, name = _text(tokens), _text(tokens)
        _number(tokens), _number(tokens)
        found[name] = [_label(tokens, tier) for _ in range(int(_number(tokens)))]
    return found


def _chronological(tokens: Iterator[str | float]) -> dict[str, list[Interval]]:
    _number(tokens), _number(tokens)
    kinds: list[tuple[str, str]] = []
    for _ in range(int(_number(tokens))):
        kinds.append((_text(tokens), _text(tokens)))
        _number(tokens), _number(tokens)
    found: dict[str, list[Interval]] = {name: [] for _, name in kinds}
    for tier in tokens:
        if not isinstance(tier, float):
            raise TypeError("a tier's number is missing")
        kind, name = kinds[int(tier) - 1]
        found[name].append(_label(tokens, kind))
    return found


def _label(tokens: Iterator[str | float], kind: str) -> Interval:
    start = _number(tokens)
    end = _number(tokens) if kind == "IntervalTier" else start
    return Interval(start, end, _text(tokens))


def _number(tokens: Iterator[str | float]) -> float:
    found = next(tokens)
    if not isinstance(found, float):
        raise TypeError(f"{found!r} stands where a number should")
    return found


def _text(tokens: Iterator[str | float]) -> str:
    found = next(tokens)
    if not isinstance(found, str):
        raise TypeError(f"{found:g} stands where a label should")
    return found
