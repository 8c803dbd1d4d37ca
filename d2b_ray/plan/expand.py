"""A sweep becomes units of work: axes expanded, repeats removed, needs linked, order fixed.

Pure: reads nothing, runs nothing. The order keeps the extraction of one model together, and lets
every subject use a design soon after it is made, so that it can be released.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.solvers import RIDGE_SOLVERS, SOLVERS
from d2b_ray.plan.axes import cells, chosen_subjects, unknown_columns
from d2b_ray.plan.comparisons import compare_units, pairs
from d2b_ray.plan.keys import unit_key
from d2b_ray.plan.places import Places, cell_place, space_words, stimulus
from d2b_ray.plan.tests import (
    bootstrap_options,
    ceiling_unit,
    null_options,
    ranges,
    significance_params,
)
from d2b_ray.plan.units import Plan, Unit
from d2b_ray.spec.fits import BandedFit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from d2b_ray.plan.axes import Cell
    from d2b_ray.spec import Sweep

__all__ = ["expand"]


@dataclass(slots=True)
class _Variant:
    """A fit of one design, for all subjects."""

    cell: Cell
    params: dict[str, Any]  # of the fit unit, without the subject
    place: dict[str, Any]
    compared: bool = False  # then its validation predictions are kept


@dataclass(slots=True)
class _DesignGroup:
    unit: Unit
    variants: list[_Variant] = field(default_factory=list)


@dataclass(slots=True)
class _ModelGroup:
    """What belongs to one model: feature sets with their layers, designs with their fits."""

    sets: dict[str, tuple[dict[str, Any], set[int]]] = field(default_factory=dict)
    designs: dict[str, _DesignGroup] = field(default_factory=dict)


def expand(
    sweep: Sweep,
    *,
    n_layers: Callable[[str, str], int],
    subjects: tuple[str, ...],
    columns: Callable[[float], int] = unknown_columns,
) -> Plan:
    """Lay out all units of a sweep.

    `n_layers(modality, model)` is the number of layers of a model, embeddings included; it is asked
    once a model. `subjects` are all subjects of the data set. `columns(eps)` is what a random
    projection leaves of the rows of the whole data set. Raises PlanError for a subject or
    layer that does not exist, and for two different fits that would write the same files.
    """
    chosen = chosen_subjects(sweep, subjects)
    groups, variants, repeats = _grouped(sweep, n_layers, columns)
    contrasts = pairs(sweep, [variant.place for variant in variants])
    for number in {number for pair in contrasts for number in pair[:2]}:
        variants[number].compared = True
    index: dict[str, Unit] = {}
    for model, group in groups.items():
        for unit in _model_units(sweep, model, group, chosen):
            index.setdefault(unit.key, unit)
    commits = tuple(key for key, unit in index.items() if unit.kind == "commit")
    places = [variant.place for variant in variants]
    compares = compare_units(sweep, contrasts, places, chosen, [index[key] for key in commits])
    index |= compares
    params: dict[str, Any] = {"commits": sorted(commits), "table": sweep.output.table}
    if compares:
        params["compares"] = sorted(compares)
    needs = (*commits, *compares)
    gather = Unit("gather", unit_key("gather", params), params, needs, f"gather {sweep.name}")
    index[gather.key] = gather
    return Plan(tuple(index.values()), index, repeats * len(chosen))


def _grouped(
    sweep: Sweep, n_layers: Callable[[str, str], int], columns: Callable[[float], int]
) -> tuple[dict[str, _ModelGroup], list[_Variant], int]:
    """Cells by model and design, all in order, and how many were asked for more than once."""
    places = Places()
    everything: list[_Variant] = []
    groups: dict[str, _ModelGroup] = {}
    repeats = 0
    for cell in cells(sweep, n_layers, columns):
        keys = []
        for space in cell.spaces:
            sets = groups.setdefault(space.feature_set["model"], _ModelGroup()).sets
            keys.append(unit_key("extract", space.feature_set))
            if keys[-1] not in sets:
                places.claim_features(space.feature_set)
                sets[keys[-1]] = (space.feature_set, set())
            sets[keys[-1]][1].add(space.layer)
        place = cell_place(cell, sweep.dataset.split)
        design = _design(cell, keys, sweep.dataset.split)
        identity = _identity(sweep, cell)
        if not places.claim_fit(cell, place, identity):
            repeats += 1
            continue
        params = {"design": design.key, **identity}
        del params["delays"]  # part of the design
        models = {space.feature_set["model"] for space in cell.spaces}
        latest = [model for model in groups if model in models][-1]  # all it needs stands before
        variants = groups[latest].designs.setdefault(design.key, _DesignGroup(design)).variants
        everything.append(_Variant(cell, params, place))
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
    if isinstance(cell.fit, BandedFit):
        identity["search"] = cell.fit.search.model_dump(mode="json")
        identity["bands"] = [space.band for space in cell.spaces]
        identity["unique"] = cell.fit.unique
        if cell.fit.unique and sweep.significance.bootstrap is not None:
            identity["without"] = True  # predictions without each band, for its intervals
    elif "predictions" in sweep.output.save and RIDGE_SOLVERS[cell.fit.solver].nested is not None:
        identity["nested"] = True
    if cell.fit.coef_space == "features" and cell.reduce is not None:
        identity["coef_space"] = "features"
    return identity


def _design(cell: Cell, extract_keys: list[str], split: str) -> Unit:
    params = {
        "spaces": [{"feature": space.feature_set, "layer": space.layer} for space in cell.spaces],
        "delays": cell.delays,
        "reduce": cell.reduce,
        "split": split,
    }
    key = unit_key("design", params)
    needs = tuple(dict.fromkeys(extract_keys))
    return Unit("design", key, params, needs, f"design {_words(cell)}", model=_model(cell))


def _model(cell: Cell) -> str:
    return str(cell.spaces[-1].feature_set["model"])


def _model_units(
    sweep: Sweep, model: str, group: _ModelGroup, subjects: tuple[str, ...]
) -> Iterator[Unit]:
    """Units of one model, needs first; factorizations and ceilings may come more than once."""
    for key, (params, layers) in group.sets.items():
        label = f"extract {stimulus(params)} {model} {params['modality']}"
        yield Unit("extract", key, params, (), label, model=model, layers=tuple(sorted(layers)))
    for design in group.designs.values():
        yield design.unit
        for variant in design.variants:
            factorization = _factorize(design.unit, variant)
            if factorization is not None:
                yield factorization
        for subject in subjects:
            for variant in design.variants:
                ceiling = None
                if sweep.significance.ceiling == "subjects":
                    ceiling = ceiling_unit(subject, subjects, sweep.dataset.split)
                    yield ceiling
                factorization = _factorize(design.unit, variant)
                yield from _fit_units(sweep, variant, subject, factorization, ceiling)


def _factorize(design: Unit, variant: _Variant) -> Unit | None:
    """The factorization a fit shares with all subjects; none where the solver prepares nothing."""
    kind, solver = variant.params["kind"], variant.params["solver"]
    if SOLVERS[kind][solver].prepare is None:
        return None
    params = {"design": design.key, "solver": solver}
    if kind != "ridge":
        params["kind"] = kind
    label = design.label.replace("design", "factorize", 1)
    key = unit_key("factorize", params)
    return Unit("factorize", key, params, (design.key,), label, model=design.model)


def _fit_units(
    sweep: Sweep,
    variant: _Variant,
    subject: str,
    factorization: Unit | None,
    ceiling: Unit | None,
) -> Iterator[Unit]:
    """One subject's fit, its null tasks, its bootstrap and its commit."""
    model = _model(variant.cell)
    words = f"{subject} {_words(variant.cell)}"
    params = {**variant.params, "subject": subject}
    needs = (params["design"],) if factorization is None else (params["design"], factorization.key)
    fit = Unit(
        "fit", unit_key("fit", params), params, needs, f"fit {words}", subject=subject, model=model
    )
    yield fit
    nulls = []
    for start, stop in ranges(sweep):
        params = {"fit": fit.key, "start": start, "stop": stop, **null_options(sweep.significance)}
        if variant.params["kind"] == "banded" and sweep.significance.rule == "drama2brain":
            params["rule"] = "drama2brain"  # compares the shares of bands with their correlations
        label = f"null {words} {start}-{stop}"
        key = unit_key("null", params)
        yield Unit("null", key, params, (fit.key,), label, subject=subject, model=model)
        nulls.append(key)
    read: tuple[str, ...] = (fit.key, *nulls)
    if sweep.significance.bootstrap is not None:
        params = {"fit": fit.key, **bootstrap_options(sweep.significance)}
        key = unit_key("bootstrap", params)
        label = f"bootstrap {words}"
        yield Unit("bootstrap", key, params, (fit.key,), label, subject=subject, model=model)
        read = (*read, key)
    if ceiling is not None:
        read = (*read, ceiling.key)
    params = {
        "fit": fit.key,
        "significance": significance_params(sweep.significance),
        "save": sorted({*sweep.output.save, *_kept(sweep, variant)}),
        "table": sweep.output.table,
        "label": variant.cell.fit.label,
    }
    yield Unit(
        "commit",
        unit_key("commit", params),
        params,
        read,
        f"commit {words}",
        subject=subject,
        model=model,
        place={"subject": subject, **variant.place},
    )


def _kept(sweep: Sweep, variant: _Variant) -> tuple[str, ...]:
    """What a comparison reads, unless the sweep keeps it anyhow."""
    return ("compared",) if variant.compared and "predictions" not in sweep.output.save else ()


def _words(cell: Cell) -> str:
    """Short name of a cell for people: `story MiniLM layer7 TR3-5`."""
    delays = cell.delays
    spaces = [space_words(s.feature_set, s.layer) for s in cell.spaces]
    words = f"{' + '.join(spaces)} TR{delays['start']}-{delays['end']}"
    if cell.reduce is not None:
        words += " " + "".join(f"{name} {value}" for name, value in cell.reduce.items())
    return words if cell.fit.label is None else f"{words} {cell.fit.label}"
