"""Comparing two stores: every file, byte for byte, but for what tells of times and machines."""

from __future__ import annotations

import re

from d2b_ray.store import Store

# Files that say when and where: they differ between runs by their purpose.
OF_THE_RUN = re.compile(
    r"environment\.json|logs/.*|lease/.*|units/.*|tables/timings\.parquet|sweep\.yaml"
)


PAGE = "report/index.html"
RAN = re.compile(rb"<!-- of the run -->.*?<!-- to here -->", re.DOTALL)  # when, where, how long


def contents(url) -> dict[str, bytes]:
    """Path -> bytes of every file that must not depend on where and when it was made."""
    store = Store(str(url))
    paths = [path for path in store.list() if not OF_THE_RUN.fullmatch(path)]
    found = dict(zip(paths, store.read_many(paths), strict=True))
    return {path: RAN.sub(b"", held) if path == PAGE else held for path, held in found.items()}


def records(url) -> dict[str, dict]:
    """Path -> record of every finished unit."""
    store = Store(str(url))
    return {p: store.read_json(p) for p in store.list("units/") if "/failed/" not in p}


def assert_equal_stores(one, other) -> None:
    """The same files with the same bytes, the same units done with the same checksums.

    Shards have no say among the records: what they made is compared, and a killed one may have left
    all of it but its record.
    """
    first, second = contents(one), contents(other)
    assert sorted(first) == sorted(second)
    differing = [path for path in first if first[path] != second[path]]
    assert not differing, differing
    outputs = [
        {
            path: {p: c for p, c in r["outputs"].items() if "timings" not in p and p != PAGE}
            for path, r in found
            if r["kind"] != "shard"
        }
        for found in (records(one).items(), records(other).items())
    ]
    assert outputs[0] == outputs[1]
    assert first, "two empty stores are equal, but prove nothing"
