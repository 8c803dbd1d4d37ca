"""A sweep as a YAML document: read, overridden by `--set`, each key knowing the line it came from.

Not here: what the keys mean. YAML 1.1 as PyYAML reads it, but 1e-3 is a number, keys are always
text (`null: voxel` is an option), and keys that stand twice in a mapping are refused.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from d2b_ray.errors import SpecError

__all__ = ["Document", "Loader", "PlainDumper", "parse", "read", "with_override"]

Trail: TypeAlias = tuple[str | int, ...]

NODE_LIMIT = 20_000  # values; stops documents that grow without end, also through aliases
DEEPEST = 50
EXPONENT = re.compile(r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$")


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader that reads 1e-3 and 1.5e3 as numbers, and refuses in its own words."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node; a YAMLError that names its line where Python cannot make one."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, OverflowError, TypeError):
            kind = str(node.tag).rpartition(":")[2]
            problem = f"{_start_of(node)} is no {kind}; put text in quotes"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put merged keys (`<<`) in, each once: merges of merges double without end otherwise."""
        super().flatten_mapping(node)
        last = {(key.tag, str(key.value)): (key, value) for key, value in node.value}
        node.value = list(last.values())


class PlainDumper(yaml.SafeDumper):
    """Its counterpart: quotes text that `Loader` would take for a number, and writes no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values out again."""
        return True


for yaml_class in (Loader, PlainDumper):
    yaml_class.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data of a YAML file. `origins` says where each key stands, as `sweep.yaml:12`."""

    name: str
    data: Any
    origins: dict[Trail, str] = field(default_factory=dict)

    def origin(self, trail: Trail) -> str:
        """Where the key, or the nearest block around it, stands."""
        while trail and trail not in self.origins:
            trail = trail[:-1]
        return self.origins.get(trail, self.name)


def read(path: str | Path) -> Document:
    """Read a YAML file; SpecError if there is none or it is not YAML."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SpecError(f"{path}: cannot be read: {reason}") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Document:
    """Parse YAML text; `name` stands for it in messages. SpecError if it is not YAML."""
    try:
        _check_size(text, name)
        loader = Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise SpecError(f"{name}: empty; must be a sweep")
        origins: dict[Trail, str] = {}
        _walk(node, (), name, origins)
        return Document(name, loader.construct_document(node), origins)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = name if mark is None else f"{name}:{mark.line + 1}"
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SpecError(f"{where}: not YAML: {problem}") from None


def _check_size(text: str, name: str) -> None:
    """SpecError for a document of too many values, or nested too deep, before it is built."""
    depth, count = 0, 0
    for event in yaml.parse(text, Loader):
        count += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if count > NODE_LIMIT or depth > DEEPEST:
            raise SpecError(_too_large(name))


def _too_large(name: str) -> str:
    return (
        f"{name}: too large, or nested without end; a sweep has at most {NODE_LIMIT:,} values, "
        f"{DEEPEST} deep"
    )


def _start_of(node: yaml.Node) -> str:
    text = str(node.value)
    return repr(text if len(text) < 40 else f"{text[:40]}...")


def _walk(node: yaml.Node, trail: Trail, name: str, origins: dict[Trail, str]) -> None:
    """Make every key text, note its line, and refuse keys that stand twice."""
    origins.setdefault(trail, f"{name}:{node.start_mark.line + 1}" if trail else name)
    if len(origins) > NODE_LIMIT or len(trail) > DEEPEST:
        raise SpecError(_too_large(name))
    if isinstance(node, yaml.SequenceNode):
        for place, child in enumerate(node.value):
            _walk(child, (*trail, place), name, origins)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, child in node.value:
            line = key.start_mark.line + 1
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if isinstance(key, yaml.ScalarNode):
                key.tag = "tag:yaml.org,2002:str"
            if str(key.value) in seen:
                words = ".".join(map(str, (*trail, key.value)))
                raise SpecError(
                    f"{name}:{line}: {words}: stands twice (first in line {seen[str(key.value)]}); "
                    "keep one"
                )
            seen[str(key.value)] = line
            origins[(*trail, str(key.value))] = f"{name}:{line}"
            _walk(child, (*trail, str(key.value)), name, origins)


def with_override(document: Document, override: str) -> Document:
    """The document with `a.b.0.c=value` applied; the value is read as YAML.

    Keys that do not exist are made; a list entry must exist. A key set below a plain value
    (`reduce: none`) replaces it by a mapping. SpecError if the text has no `=` or names no place.
    """
    address, equals, text = override.partition("=")
    parts = address.strip().split(".")
    if not equals or not all(parts):
        raise SpecError(f"--set {override}: must be KEY=VALUE, as in fits.0.reduce.pca=640")
    name = f"{document.name} (--set)"
    value = None if not text.strip() else parse(text, name).data
    holder = [copy.deepcopy(document.data)]
    target: Any = holder
    slot: str | int = 0
    trail: list[str | int] = []
    for part in parts:
        child = target[slot]
        place: str | int = part
        if isinstance(child, list):
            place = _list_place(child, part, trail, name)
        elif isinstance(child, dict):
            child.setdefault(part, None)
        else:
            child = target[slot] = {part: None}
        target, slot = child, place
        trail.append(place)
    target[slot] = value
    key = tuple(trail)
    origins = {at: where for at, where in document.origins.items() if at[: len(key)] != key}
    for length in range(1, len(key) + 1):  # blocks that were made on the way have no line either
        origins.setdefault(key[:length], name)
    return Document(document.name, holder[0], origins)


def _list_place(entries: list[Any], part: str, trail: list[str | int], name: str) -> int:
    if part.isdecimal() and int(part) < len(entries):
        return int(part)
    words = ".".join(map(str, trail))
    raise SpecError(
        f"{name}: {words}.{part}: {words} is a list; "
        f"must be the number of an entry, 0 to {len(entries) - 1}"
    )
