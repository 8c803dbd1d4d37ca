"""A table of choices: rows of this package, and rows that installed packages add by entry points.

Looking names up imports nothing; a row's module is imported when the row is asked for, so that a
plug-in runs no code unless a sweep names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Generic, TypeVar

from d2b_ray.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Origin", "Table"]

Row = TypeVar("Row")
OURS = "d2b-ray"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row comes from: the `module` and the `attribute` in it, of which installed package."""

    module: str
    attribute: str
    package: str
    version: str


class Table(Generic[Row]):
    """Choices of one kind (`what`, in words) by name.

    `rows` name -> `module:attribute` of this package; plug-ins add theirs in the entry point group
    `group`. Raises SpecError, naming what is allowed, for a name that is in neither, in two places, or
    whose module cannot be imported.
    """

    def __init__(self, what: str, group: str, rows: Mapping[str, str]) -> None:
        self.what = what
        self.group = group
        self._rows = rows
        self._loaded: dict[str, Row] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All names: those of this package in the order of the table, then those of plug-ins, sorted."""
        return (*self._rows, *sorted(self._added.keys() - self._rows.keys()))

    @property
    def own(self) -> tuple[str, ...]:
        """Names of this package, in the order of the table."""
        return tuple(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._rows or name in self._added

    def __getitem__(self, name: str) -> Row:
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def origin(self, name: str) -> Origin:
        """Where a name leads to."""
        found = list(self._added.get(name, ()))
        if name in self._rows:
            module, _, attribute = self._rows[name].partition(":")
            found.insert(0, Origin(module, attribute, OURS, ""))
        if not found:
            raise SpecError(
                f"{self.what} {name!r} does not exist; must be one of: {', '.join(self.names)}"
            )
        if len(found) > 1:
            places = " and ".join(f"{one.package} {one.version}".rstrip() for one in found)
            raise SpecError(
                f"{self.what} {name!r} is in {places}; uninstall one of them, or have it renamed"
            )
        return found[0]

    @cached_property
    def _added(self) -> dict[str, list[Origin]]:
        """Rows of plug-ins by name, from the metadata of installed packages."""
        found: dict[str, list[Origin]] = {}
        for entry in metadata.entry_points(group=self.group):
            package = entry.dist.name if entry.dist else "an unknown package"
            version = entry.dist.version if entry.dist else ""
            origin = Origin(entry.module, entry.attr, package, version)
            if origin not in found.setdefault(entry.name, []):  # a folder may be listed twice
                found[entry.name].append(origin)
        return found

    def _load(self, name: str) -> Row:
        origin = self.origin(name)
        try:
            row: Row = getattr(import_module(origin.module), origin.attribute)
        except Exception as error:  # whatever the code of another package does when imported
            if origin.package == OURS:
                raise
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise SpecError(
                f"{self.what} {name!r}: {origin.module}:{origin.attribute} of the package "
                f"{origin.package} {origin.version} cannot be imported ({reason}); mend or uninstall it"
            ) from error
        return row
