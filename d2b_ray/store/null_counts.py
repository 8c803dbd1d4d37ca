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
from d2b_ray.catalog.significance_tests import TESTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Array
    from d2b_ray.store.files import Store
    from d2b_ray.store.fit_place import FitPlace

__all__ = ["count_arrays", "count_paths", "read_counts", "remove_other_counts"]


def count_arrays(place: FitPlace, merged: Sequence[NullCounts]) -> dict[str, Array]:
    """Path -> array of the counts of all permutations, joint first, then of each band."""
    values = np.stack([np.stack([one.exceed, one.above]) for one in merged])
    smallest = np.min_scalar_type(max(one.n_null for one in merged))
    maxima = np.stack([one.maxima for one in merged])
    arrays = (values.astype(smallest), maxima)
    return dict(zip(count_paths(place, maxima.shape[1]), arrays, strict=True))


def read_counts(
    store: Store, place: FitPlace, kept: int, significance: Mapping[str, Any]
) -> tuple[NullCounts, ...]:
    """Counts of permutations 0 to `kept`, joint first, then of each band."""
    values, maxima = (store.read_array(path) for path in count_paths(place, kept))
    own = not TESTS[significance["test"]].pools and significance.get("null") != "pooled"
    n_null = kept if own else kept * values.shape[-1]
    return tuple(
        NullCounts(exceed, above, n_null, largest, 0)
        for (exceed, above), largest in zip(values.astype(np.int64), maxima, strict=True)
    )


def remove_other_counts(store: Store, place: FitPlace, permutations: int) -> None:
    """Remove counts that a fit in the same place had with another number of permutations."""
    keep = set(count_paths(place, permutations))
    ours = re.compile(rf"null\d+_(counts|maxima)_{re.escape(place.suffix)}\.npy")
    for path in store.list(f"{place.folder}/null"):
        if path not in keep and ours.fullmatch(path.rpartition("/")[2]):
            store.remove(path)


def count_paths(place: FitPlace, permutations: int) -> tuple[str, str]:
    """Files of the counts and of the maxima of so many permutations."""
    name = f"null{permutations}"
    return place.array(f"{name}_counts"), place.array(f"{name}_maxima")
