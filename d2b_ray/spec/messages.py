"""What pydantic found wrong, as lines for people: file, key, value, what is allowed.

`sweep.yaml:12: fits.0.delays.start: got -1; must be an integer >= 0`
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, TypeAlias, get_args, get_origin

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.spec.closed import Allowed, Closed, NameIn
from d2b_ray.spec.features import FeatureBlock, block_class
from d2b_ray.spec.fits import FIT_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from d2b_ray.spec.document import Document

__all__ = ["lines", "shown"]

Trail: TypeAlias = tuple[str | int, ...]

DISCRIMINATORS = ("kind", "modality")
WORDS = {
    "dict_type": "a mapping of names to blocks",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "too_short": "not empty",
}
SHOWN_LENGTH = 60


def lines(error: ValidationError, document: Document, root: type[Closed]) -> list[str]:
    """One line per problem, in the order of the keys of `root`; each key once."""
    found: dict[Trail, str] = {}
    for detail in _relevant(error.errors(include_url=False)):
        trail, text = _line(detail, document, root)
        found.setdefault(trail, text)
    return list(found.values())


def shown(value: Any) -> str:
    """A value as it is put into messages: JSON, cut short."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"


def _relevant(details: list[ErrorDetails]) -> Iterable[ErrorDetails]:
    """Without the errors of a block whose kind is already wrong: they come from the wrong class."""
    strange = {
        detail["loc"][:-1] for detail in details if detail["loc"][-1:] and _tells_kind(detail)
    }
    for detail in details:
        inside = any(detail["loc"][: len(block)] == block for block in strange)
        if _tells_kind(detail) or not inside:
            yield detail


def _tells_kind(detail: ErrorDetails) -> bool:
    return detail["loc"][-1:] != () and detail["loc"][-1] in DISCRIMINATORS


def _line(detail: ErrorDetails, document: Document, root: type[Closed]) -> tuple[Trail, str]:
    context = detail.get("ctx", {})
    if detail["type"] == "elsewhere":  # a check over several blocks names the key itself
        trail: Trail = tuple(int(p) if p.isdecimal() else p for p in context["at"].split("."))
        problem = f"got {shown(context['got'])}; must be {context['words']}"
    elif detail["type"] == "extra_forbidden":
        trail, _ = _resolve(detail["loc"], document.data)
        _, value = _resolve(detail["loc"][:-1], document.data)
        block = block_at(root, detail["loc"][:-1], document.data)
        problem = _unknown(str(detail["loc"][-1]), block, value)
    elif detail["type"] == "plugin":  # its message names the package
        trail, _ = _resolve(detail["loc"], document.data)
        trail, problem = (*trail, "modality"), context["words"]
    elif detail["type"] == "missing":
        trail, _ = _resolve(detail["loc"][:-1], document.data)
        trail = (*trail, detail["loc"][-1])
        block = block_at(root, detail["loc"][:-1], document.data)
        problem = f"missing; must be {_allowed(_field(block, str(detail['loc'][-1])))}"
    elif detail["type"] == "unusable":  # a plug-in's row cannot be had, and says why
        trail, _ = _resolve(detail["loc"], document.data)
        problem = context["words"]
    elif detail["loc"][-1:] == ("[key]",):
        trail = detail["loc"][:-1]
        problem = f"got the name {shown(trail[-1])}; must be {context.get('words', 'text')}"
    else:
        trail, value = _resolve(detail["loc"], document.data)
        words = context.get("words") or WORDS.get(detail["type"]) or detail["msg"]
        problem = f"got {shown(value)}; must be {words}"
    key = ".".join(map(str, trail))
    return trail, f"{document.origin(trail)}: {key}: {problem}".replace(": : ", ": ")


def _field(block: type[Closed], key: str) -> FieldInfo:
    """The field that is written as `key`."""
    fields = block.model_fields
    return fields.get(key) or next(info for info in fields.values() if info.alias == key)


def _resolve(loc: Trail, data: Any) -> tuple[Trail, Any]:
    """The place in the document, and the value there.

    Drops steps that only the checked form has: a single value stands there as a list of one.
    """
    trail: list[str | int] = []
    for part in loc:
        in_list = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if in_list or (isinstance(data, dict) and part in data):
            data = data[part]
            trail.append(part)
    return tuple(trail), data


def block_at(root: type[Closed], loc: Trail, data: Any) -> type[Closed]:
    """The class of the block at a place of the checked form; `data` is the document as written."""
    block, skip = root, False
    for place, part in enumerate(loc):
        if isinstance(part, int) or skip:
            skip = False
            if block is FeatureBlock:  # which class, its modality says
                block = block_class(_resolve(loc[: place + 1], data)[1])
            continue
        if part in FIT_KINDS and part not in block.model_fields:  # which class of a union it is
            block = FIT_KINDS[str(part)]
            continue
        annotation = block.model_fields[part].annotation
        block = _block_in(annotation) or block
        skip = get_origin(annotation) is dict  # the next step is a name chosen by the user
    return block


def _block_in(annotation: Any) -> type[Closed] | None:
    if isinstance(annotation, type) and issubclass(annotation, Closed):
        return annotation
    for part in get_args(annotation):
        if (found := _block_in(part)) is not None:
            return found
    return None


def _allowed(info: FieldInfo) -> str:
    for part in (*reversed(info.metadata), *get_args(info.annotation)):  # the outermost words
        if isinstance(part, Allowed | NameIn):
            return part.words
    for part in get_args(info.annotation):  # an axis: the words of its entries
        for inner in getattr(part, "__metadata__", ()):
            if isinstance(inner, Allowed):
                return inner.words
    block = _block_in(info.annotation)
    if block is None:
        return "given"
    return f"a mapping with {', '.join(block.model_fields)}"


def _unknown(key: str, block: type[Closed], value: Any) -> str:
    allowed = list(block.model_fields)
    near = difflib.get_close_matches(key, allowed, n=1)
    if near:
        return f"unknown key; did you mean {near[0]}?"
    told_apart = block in FIT_KINDS.values() or issubclass(block, FeatureBlock)
    kind = next((value[name] for name in DISCRIMINATORS if told_apart and name in value), None)
    others = (*FIT_KINDS.values(), *(MODALITIES[name].block for name in MODALITIES.own))
    elsewhere = any(key in other.model_fields for other in others)
    what = f"means nothing to {kind}" if elsewhere and kind else "unknown key"
    return f"{what}; must be one of: {', '.join(allowed)}"
