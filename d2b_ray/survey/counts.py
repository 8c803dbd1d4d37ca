"""Which permutations that lie counted in the store a sweep can go on from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.plan import digest, same_null
from d2b_ray.store import FitPlace, count_paths

if TYPE_CHECKING:
    from d2b_ray.plan import Plan
    from d2b_ray.store import Ledger
    from d2b_ray.survey.state import StoreState

__all__ = ["kept_counts"]


def kept_counts(plan: Plan, state: StoreState, ledger: Ledger) -> dict[str, int]:
    """Commits of the plan that can go on from counts in the store: key -> permutations.

    Only records of commits that the plan does not have are read, and only counts of the same null,
    fit and inputs will do.
    """
    wanted = {
        unit.params["fit"]: unit
        for unit in plan.of("commit")
        if unit.key not in state.done and "permutations" in unit.params["significance"]
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
        paths = count_paths(FitPlace.of(unit.place), have)
        if (
            have <= unit.params["significance"]["permutations"]
            and inputs == digest(plan.inputs[unit.key])
            and set(paths) <= set(record["outputs"])
            and ledger.has_files(paths)
        ):
            found[unit.key] = max(have, found.get(unit.key, 0))
    return found
