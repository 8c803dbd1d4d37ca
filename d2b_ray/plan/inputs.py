"""What the durable units of a plan are made of: fingerprints by name, from those of the world. Pure.

A record that was made of other inputs is stale, and says which of them changed by these names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.plan.keys import digest, feature_key
from d2b_ray.plan.places import layer_word, stimulus
from d2b_ray.plan.units import RESULTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.plan.units import Unit
    from d2b_ray.plan.world import World

__all__ = ["all_inputs"]


def all_inputs(index: Mapping[str, Unit], world: World) -> dict[str, dict[str, str]]:
    """Inputs of all that leave results among the units of a plan (by key, needs first).

    Units of whose needs the world knows nothing are left out.
    """
    found: dict[str, dict[str, str]] = {}
    for unit in index.values():
        if unit.kind == "commit" and unit.subject in world.responses:
            found[unit.key] = _of_commit(unit, index, world)
        elif unit.kind in RESULTS and found.keys() >= (needs := _durable(unit, index)):
            found[unit.key] = {key: digest(found[key]) for key in unit.needs if key in needs}
            for other in unit.params.get("subjects", ()):
                found[unit.key][f"responses {other}"] = world.responses[other]
    return found


def _durable(unit: Unit, index: Mapping[str, Unit]) -> set[str]:
    return {need for need in unit.needs if index[need].durable}


def _of_commit(unit: Unit, index: Mapping[str, Unit], world: World) -> dict[str, str]:
    """Those of a fit: responses, run table, and what its features are made of."""
    fit = index[unit.needs[0]]
    design = index[fit.needs[0]]
    subject = str(unit.subject)
    inputs = {"runs": world.run_table, f"responses {subject}": world.responses[subject]}
    for need in unit.needs:
        if index[need].kind == "ceiling":
            for other in index[need].params.get("others", ()):
                inputs[f"responses {other}"] = world.responses[other]
    for number, space in enumerate(design.params["spaces"], start=1):
        key = feature_key(space["feature"], space["layer"])
        name = f"features {stimulus(space['feature'])} {layer_word(space['layer'])}"
        if name in inputs:  # bands that differ in model or options
            name = f"{name} of band {number}"
        inputs[name] = digest(world.features[key].inputs)
    return inputs
