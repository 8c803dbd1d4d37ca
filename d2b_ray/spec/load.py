"""From a file to a checked sweep and back: where checks, overrides and presets meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from d2b_ray.errors import SpecError
from d2b_ray.spec import document as documents
from d2b_ray.spec.messages import lines
from d2b_ray.spec.preset import filled
from d2b_ray.spec.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from d2b_ray.spec.document import Document

__all__ = ["load", "parse", "to_yaml"]


MOST_LINES = 12  # of what is wrong, one each: more would not be read


def load(path: str | Path, overrides: Sequence[str] = ()) -> Sweep:
    """Read a sweep from a YAML file, with `KEY=VALUE` overrides (`fits.0.reduce.pca=640`).

    An override is the same as editing the file. Relative folders in a sweep start at the working
    directory, not at the file. Raises SpecError with one line per problem, all problems at once.
    """
    return _checked(documents.read(path), overrides)


def parse(text: str, overrides: Sequence[str] = (), *, name: str = "sweep") -> Sweep:
    """The same from YAML text; `name` stands for the file in messages."""
    return _checked(documents.parse(text, name), overrides)


def to_yaml(sweep: Sweep) -> str:
    """The sweep as it runs, with every option written out; reading it gives an equal sweep."""
    data: dict[str, Any] = sweep.model_dump(mode="json")
    return yaml.dump(
        data,
        Dumper=documents.PlainDumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )


def _checked(document: Document, overrides: Sequence[str]) -> Sweep:
    for override in overrides:
        document = documents.with_override(document, override)
    try:
        return filled(Sweep.model_validate(document.data))
    except ValidationError as error:
        told = lines(error, document, Sweep)
        if len(told) > MOST_LINES:
            told = [*told[:MOST_LINES], f"... and {len(told) - MOST_LINES} more like these"]
        raise SpecError("\n".join(told)) from None
