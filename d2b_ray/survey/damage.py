"""Results that records speak of and that are gone, or were cut. One listing, no result is read.

What holds as many bytes as it should and other content is not seen.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import StoreError
from d2b_ray.plan import RESULTS
from d2b_ray.store import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from d2b_ray.store import Ledger, Store

__all__ = ["damaged_layers", "damaged_results"]

NEEDLESS = (
    Layout.TIMINGS,
)  # is of the last gather alone, which another sweep in this root may have written


def damaged_results(store: Store, ledger: Ledger) -> dict[str, str]:
    """Keys of finished units that leave results -> what is wrong with their files, in words."""
    prefixes = (
        "encoding/",
        Layout.COMPARED,
        Layout.GENERALISED,
        Layout.WEIGHTS,
        Layout.SPACE,
        "tables/",
        "report/",
    )
    there = {path: size for prefix in prefixes for path, size in store.sizes(prefix).items()}
    return _damaged(ledger, RESULTS, there)


def damaged_layers(features: Store, ledger: Ledger) -> dict[str, str]:
    """The same of layers of features; their records need not lie in the store `features`."""
    return _damaged(ledger, ("feature",), features.sizes("stim_features/"))


def _damaged(ledger: Ledger, kinds: Iterable[str], there: Mapping[str, int]) -> dict[str, str]:
    records: list[tuple[str, str, Mapping[str, Any]]] = []
    for kind in kinds:
        found = [(key, path) for key, _, path in ledger.of(kind)]
        contents = _contents(ledger, [path for _, path in found])
        records += [(*one, content) for one, content in zip(found, contents, strict=True)]
    written: dict[str, set[int]] = defaultdict(
        set
    )  # sweeps that share a root gather to the same files
    for _, _, record in records:
        for path, size in _part(record, "sizes").items():
            written[path].add(size)
    wrong = {key: _wrong(record, path, there, written) for key, path, record in records}
    return {key: words for key, words in wrong.items() if words}


def _contents(ledger: Ledger, paths: Sequence[str]) -> list[Mapping[str, Any]]:
    """Of records; an empty one for each that cannot be read."""
    try:
        return ledger.read_records(paths)
    except StoreError:
        return [_contents(ledger, [path])[0] if len(paths) > 1 else {} for path in paths]


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name) if isinstance(record, dict) else None
    return found if isinstance(found, dict) else {}


def _wrong(
    record: Mapping[str, Any],
    path: str,
    there: Mapping[str, int],
    written: Mapping[str, set[int]],
) -> str:
    """What is wrong with the files of a record; "" if nothing is."""
    outputs = _part(record, "outputs")
    if not outputs:
        return f"{path} is no record"
    for output in sorted(outputs):
        if output not in there:
            return f"{output} is gone"
        if written[output] and there[output] not in written[output]:
            return (
                f"{output} has {there[output]} bytes, and was written with {max(written[output])}"
            )
    return ""
