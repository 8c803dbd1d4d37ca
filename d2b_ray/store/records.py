"""Records of finished units and of failures, and the ledger that reads them all at once.

A record is the last file that a unit writes. Its name carries the digest of its inputs, so that one
listing tells what is done and what is stale, without opening a file.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import StoreError
from d2b_ray.store.formats import json_from_bytes
from d2b_ray.store.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from d2b_ray.store.files import Store

__all__ = ["Ledger", "Record"]


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a finished unit.

    `params` what was asked for; `fingerprints` of the inputs by name, `inputs` their digest;
    `outputs` path -> SHA-256, `sizes` path -> bytes; `started` Unix time (s), `seconds` how long it took.
    """

    key: str
    kind: str
    label: str
    params: Mapping[str, Any]
    inputs: str
    fingerprints: Mapping[str, str]
    outputs: Mapping[str, str]
    versions: Mapping[str, str]
    host: str
    device: str
    started: float
    seconds: float
    bytes: int
    attempt: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where the record lies."""
        return Layout.record(self.kind, self.key, self.inputs)

    def write(self, store: Store) -> None:
        """Write the record, then remove those of the same unit with other inputs."""
        store.write_json(self.path, asdict(self))
        for path in store.list(Layout.records_of(self.kind, self.key)):
            if path != self.path:
                store.remove(path)


class Ledger:
    """All records and failures of a store, by key."""

    def __init__(self, store: Store, paths: tuple[str, ...]) -> None:
        self._store = store
        self._records: dict[str, dict[str, str]] = defaultdict(dict)  # key -> inputs -> path
        self._failures: dict[str, str] = {}
        self._damaged: dict[str, str] = {}
        for path in paths:
            record, failure = Layout.parse_record(path), Layout.parse_failure(path)
            if failure is not None:
                self._failures[failure] = path
            elif record is not None:
                _, key, inputs = record
                self._records[key][inputs] = path

    @classmethod
    def read(cls, store: Store) -> Ledger:
        """The ledger of a store; one listing."""
        return cls(store, store.list(Layout.UNITS))

    def mark_damaged(self, found: Mapping[str, str]) -> None:
        """Take units for stale whose files are not what their records say; key -> why, in words."""
        self._damaged |= found

    def state(self, key: str, inputs: str) -> str:
        """`done` (one record, made from these inputs), `stale` (another one), or `absent`."""
        if key in self._damaged:
            return "stale"
        found = self._records.get(key)
        if not found:
            return "absent"
        return "done" if set(found) == {inputs} else "stale"

    def of(self, kind: str) -> Iterator[tuple[str, str, str]]:
        """Key, digest of the inputs and path of all records of a kind."""
        for key, found in self._records.items():
            for inputs, path in found.items():
                if path.startswith(Layout.records_of_kind(kind)):
                    yield key, inputs, path

    def has_files(self, paths: Iterable[str]) -> bool:
        """Whether all these files are there."""
        return all(self._store.exists(path) for path in paths)

    def read_records(self, paths: Iterable[str]) -> list[Mapping[str, Any]]:
        """Contents of records, in order; StoreError if one is no JSON."""
        names = list(paths)
        contents = zip(names, self._store.read_many(names), strict=True)
        return [json_from_bytes(content, self._store.address(path)) for path, content in contents]

    def explain_stale(self, key: str, fingerprints: Mapping[str, str]) -> str:
        """Which inputs differ from those the record names, or what is damaged, in one line."""
        if key in self._damaged:
            return self._damaged[key]
        for path in self._records[key].values():
            try:
                before = self._store.read_json(path)["fingerprints"]
            except (StoreError, KeyError, TypeError):
                return "its record cannot be read"
            names = sorted({*before, *fingerprints})
            changed = [n for n in names if before.get(n) != fingerprints.get(n)]
            if changed:
                return "changed since: " + ", ".join(changed)
        return "an earlier run was killed while it replaced the record"

    def failures(self) -> frozenset[str]:
        """Keys of units that failed and have no record."""
        return frozenset(self._failures) - frozenset(self._records)

    def failure(self, key: str) -> Mapping[str, Any]:
        """What was stored of a failed unit."""
        path = self._failures[key]
        unknown = {"label": key, "error": "damaged", "message": f"{path} cannot be read"}
        try:
            found = self._store.read_json(path)
        except StoreError:
            return unknown
        return unknown | found if isinstance(found, dict) else unknown

    @staticmethod
    def write_failure(
        store: Store,
        *,
        key: str,
        kind: str,
        label: str,
        error: str,
        message: str,
        traceback: str,
        attempts: int,
    ) -> None:
        """Store why a unit failed, under its key."""
        value = {
            "key": key,
            "kind": kind,
            "label": label,
            "error": error,
            "message": message,
            "traceback": traceback,
            "attempts": attempts,
            "again": "d2b-ray run SPEC --retry-failed",
        }
        store.write_json(Layout.failure(key), value)

    @staticmethod
    def clear_failure(store: Store, key: str) -> None:
        """Forget a failure: its unit has succeeded since."""
        store.remove(Layout.failure(key))
