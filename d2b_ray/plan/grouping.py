"""Cells in groups: by the model they need, and by the design that their fits share. Pure.

The order keeps the extraction of one model together, and lets every subject use a design soon after it
is made, so that it can be released.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.solvers import RIDGE_SOLVERS
from d2b_ray.plan.axes import bare_spaces, cells, chosen_subjects
from d2b_ray.plan.feasible import check_reduction
from d2b_ray.plan.keys import unit_key
from d2b_ray.plan.places import Places, cell_place, delay_words, space_words
from d2b_ray.plan.units import Unit
from d2b_ray.spec.fits import BandedFit

if TYPE_CHECKING:
    from d2b_ray.plan.axes import Cell, Space
    from d2b_ray.plan.world import World
    from d2b_ray.spec import Sweep

__all__ = ["ModelGroup", "Variant", "cell_words", "grouped", "model_of"]


@dataclass(slots=True)
class Variant:
    """A fit of one design, for all subjects."""

    cell: Cell
    params: dict[str, Any]  # of the fit unit, without the subject
    place: dict[str, Any]
    compared: bool = False  # or read again otherwise: its validation predictions are kept


@dataclass(slots=True)
class DesignGroup:
    """A design, and the fits that share it."""

    unit: Unit
    variants: list[Variant] = field(default_factory=list)


@dataclass(slots=True)
class ModelGroup:
    """What belongs to one model: feature sets with their layers, designs with their fits."""

    sets: dict[str, tuple[dict[str, Any], set[int]]] = field(default_factory=dict)
    designs: dict[str, DesignGroup] = field(default_factory=dict)


def grouped(sweep: Sweep, world: World) -> tuple[dict[str, ModelGroup], list[Variant], int]:
    """Cells by model and design, all in order, and how many were asked for more than once."""
    places = Places()
    everything: list[Variant] = []
    groups: dict[str, ModelGroup] = {}
    repeats, subjects = 0, len(chosen_subjects(sweep, world.subjects))

    def claimed(space: Space) -> str:
        sets = groups.setdefault(space.feature_set["model"], ModelGroup()).sets
        key = unit_key("extract", space.feature_set)
        if key not in sets:
            places.claim_features(space.feature_set)
            sets[key] = (space.feature_set, set())
        sets[key][1].add(space.layer)
        return key

    for space in bare_spaces(sweep, world):
        claimed(space)
    for cell in cells(sweep, world):
        check_reduction(cell, world.sizes)
        keys = [claimed(space) for space in cell.spaces]
        place = cell_place(cell, sweep.dataset.split)
        if cell.subject:
            place["only"] = cell.subject
        design = _design(cell, keys, sweep.dataset.split)
        identity = _identity(sweep, cell)
        if not places.claim_fit(cell, place, identity):
            repeats += 1 if cell.subject else subjects
            continue
        params = {"design": design.key, **identity}
        for name in ("delays", "sampling"):  # part of the design
            params.pop(name, None)
        models = {space.feature_set["model"] for space in cell.spaces}
        latest = [model for model in groups if model in models][-1]  # all it needs stands before
        variants = groups[latest].designs.setdefault(design.key, DesignGroup(design)).variants
        everything.append(Variant(cell, params, place))
        variants.append(everything[-1])
    return groups, everything, repeats


def _identity(sweep: Sweep, cell: Cell) -> dict[str, Any]:
    """What tells two fits in one place apart."""
    identity: dict[str, Any] = {
        "kind": cell.fit.kind,
        "delays": cell.delays,
        "alphas": list(cell.fit.alphas.values),
        "solver": cell.fit.solver,
    }
    if treatment := sweep.dataset.responses.as_plain(sweep.dataset.layout):
        identity["responses"] = treatment
    if any(space.sampling for space in cell.spaces):
        identity["sampling"] = [space.sampling for space in cell.spaces]
    if isinstance(cell.fit, BandedFit):
        identity["search"] = cell.fit.search.model_dump(mode="json")
        identity["bands"] = [space.band for space in cell.spaces]
        identity["unique"] = cell.fit.unique
        if silent := [name for name, band in cell.fit.bands.items() if band.nuisance]:
            identity["nuisance"] = silent
        if cell.fit.unique and sweep.significance.bootstrap is not None:
            identity["without"] = True  # predictions without each band, for its intervals
    elif "predictions" in sweep.output.save and RIDGE_SOLVERS[cell.fit.solver].nested is not None:
        identity["nested"] = True
    if cell.fit.intercept != "none":
        identity["intercept"] = True
    if cell.fit.coef_space == "features" and cell.reduce is not None:
        identity["coef_space"] = "features"
    return identity


def _design(cell: Cell, extract_keys: list[str], split: str) -> Unit:
    params: dict[str, Any] = {
        "spaces": [
            {"feature": space.feature_set, "layer": space.layer}
            | ({} if space.sampling is None else {"sampling": space.sampling})
            for space in cell.spaces
        ],
        "delays": cell.delays,
        "reduce": cell.reduce,
        "split": split,
    }
    if cell.tr_s != 1:
        params["tr_s"] = cell.tr_s
    key = unit_key("design", params)
    needs = tuple(dict.fromkeys(extract_keys))
    return Unit("design", key, params, needs, f"design {cell_words(cell)}", model=model_of(cell))


def model_of(cell: Cell) -> str:
    """The model that the units of a cell are told apart by: that of its last space."""
    return str(cell.spaces[-1].feature_set["model"])


def cell_words(cell: Cell) -> str:
    """Short name of a cell for people: `story MiniLM layer7 TR3-5`."""
    spaces = [space_words(s.feature_set, s.layer) for s in cell.spaces]
    words = f"{' + '.join(spaces)} {delay_words(cell)}"
    if cell.reduce is not None:
        words += " " + "".join(f"{name} {value}" for name, value in cell.reduce.items())
    return words if cell.fit.label is None else f"{words} {cell.fit.label}"
