"""What units that are done took, against what was estimated for them: a factor a kind. Pure.

Rates of a bench on another machine are a guess; the sweep's own finished units are not.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from d2b_ray.plan.estimate import CPU_CORE, Rates, unit_seconds
from d2b_ray.plan.keys import feature_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from d2b_ray.plan.units import Kind, Plan, Unit
    from d2b_ray.plan.world import Sizes

__all__ = ["measured_factors"]

FEWEST = 3  # the first unit of a worker also imports and loads


def measured_factors(
    plan: Plan,
    sizes: Sizes,
    records: Iterable[Mapping[str, Any]],
    rates: Rates = CPU_CORE,
    device: str = "cpu",
) -> dict[Kind, float]:
    """Seconds that the records of done units tell over the seconds estimated for them, by kind.

    Parameters
    ----------
    records : contents of records of commits and feature layers, of this plan or of others
    rates : what the estimates are made with
    device : `cpu` or `cuda`: units that ran elsewhere do not count

    Returns
    -------
    factors : of kinds of which three units or more are known; a fit's seconds are in its commit's record
    """
    took = {record["key"]: record for record in records}
    known: dict[Kind, list[tuple[float, float]]] = defaultdict(list)  # (measured, estimated)
    drew = False

    def expected(*units: Unit) -> float:
        return sum(unit_seconds(plan, unit, sizes, rates) for unit in units)

    for unit in plan.of("commit"):
        record = took.get(unit.key)
        if record is None:
            continue
        if device == "cpu":
            known["commit"].append((record["seconds"], expected(unit)))
        extra = record.get("extra") or {}
        if extra.get("fit_seconds") and extra.get("fit_device") == device:
            with_it = _needs(plan, unit, "null") if extra.get("fit_drew") else []
            drew = drew or bool(with_it)
            fit = plan[unit.params["fit"]]
            known["fit"].append((extra["fit_seconds"], expected(fit, *with_it)))
    for unit in plan.of("extract"):
        layers = [took.get(feature_key(unit.params, layer)) for layer in unit.layers]
        there = [layer for layer in layers if layer is not None and layer["device"] == device]
        if there and len(there) == len(layers):  # its shards' seconds are in its own
            took_s = max(layer["seconds"] for layer in there)
            known["extract"].append((took_s, expected(unit, *_needs(plan, unit, "shard"))))
    found = {
        kind: float(sum(measured for measured, _ in pairs) / sum(told for _, told in pairs))
        for kind, pairs in known.items()
        if len(pairs) >= FEWEST
    }
    if "extract" in found:
        found["shard"] = found["extract"]
    if drew and "fit" in found:
        found["null"] = found["fit"]
    return found


def _needs(plan: Plan, unit: Unit, kind: Kind) -> list[Unit]:
    return [plan[need] for need in unit.needs if plan[need].kind == kind]
