"""Counted permutations in the store: what a commit leaves for a later sweep with more of them.

    null{N}_counts_{suffix}.npy   (tests, 2, V) exceed and above, joint first, then each band
    null{N}_maxima_{suffix}.npy   (tests, N) largest null correlation of each permutation

N stands in the name: a commit that is killed and tried again finds the counts it started from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import NullCounts
from d2b_ray.plan import same_null
from d2b_ray.store import FitPlace, digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Array
    from d2b_ray.plan import Plan
    from d2b_ray.store import Ledger, Store

__all__ = ["count_arrays", "counted", "read_counts", "remove_other_counts"]


def counted(
    plan: Plan,
    fingerprints: Mapping[str, Mapping[str, str]],
    done: frozenset[str],
    ledger: Ledger,
) -> dict[str, int]:
    """Commits of the plan that can go on from counts in the store: key -> permutations.

    Only records of commits that the plan does not have are read, and only counts of the same null,
    fit and inputs will do.
    """
    wanted = {
        unit.params["fit"]: unit
        for unit in plan.of("commit")
        if unit.key not in done and "permutations" in unit.params["significance"]
    }
    earlier = [(inputs, path) for key, inputs, path in ledger.of("commit") if key not in plan.index]
    found: dict[str, int] = {}
    if not wanted or not earlier:
        return found
    for (inputs, _), record in zip(
        earlier, ledger.read_records(p for _, p in earlier), strict=True
    ):
        unit = wanted.get(record["params"]["fit"])
        if unit is None or not same_null(unit.params, record["params"]):
            continue
        have = record["params"]["significance"]["permutations"]
        paths = _paths(FitPlace.of(unit.place), have)
        if (
            have <= unit.params["significance"]["permutations"]
            and inputs == digest(fingerprints[unit.key])
            and set(paths) <= set(record["outputs"])
        ):
            found[unit.key] = max(have, found.get(unit.key, 0))
    return found


def count_arrays(place: FitPlace, merged: Sequence[NullCounts]) -> dict[str, Array]:
    """Path -> array of the counts of all permutations, joint first, then of each band."""
    values = np.stack([np.stack([one.exceed, one.above]) for one in merged])
    smallest = np.min_scalar_type(max(one.n_null for one in merged))
    maxima = np.stack([one.maxima for one in merged])
    arrays = (values.astype(smallest), maxima)
    return dict(zip(_paths(place, maxima.shape[1]), arrays, strict=True))


def read_counts(
    store: Store, place: FitPlace, kept: int, significance: Mapping[str, Any]
) -> tuple[NullCounts, ...]:
    """Counts of permutations 0 to `kept`, joint first, then of each band."""
    values, maxima = (store.read_array(path) for path in _paths(place, kept))
    own = significance["test"] == "block" and significance["null"] == "voxel"
    n_null = kept if own else kept * values.shape[-1]
    return tuple(
        NullCounts(exceed, above, n_null, largest, 0)
        for (exceed, above), largest in zip(values.astype(np.int64), maxima, strict=True)
    )


def remove_other_counts(store: Store, place: FitPlace, permutations: int) -> None:
    """Remove counts that a fit in the same place had with another number of permutations."""
    keep = set(_paths(place, permutations))
    ours = re.compile(rf"null\d+_(counts|maxima)_{re.escape(place.suffix)}\.npy")
    for path in store.list(f"{place.folder}/null"):
        if path not in keep and ours.fullmatch(path.rpartition("/")[2]):
            store.remove(path)


def _paths(place: FitPlace, permutations: int) -> tuple[str, str]:
    name = f"null{permutations}"
    return place.array(f"{name}_counts"), place.array(f"{name}_maxima")
