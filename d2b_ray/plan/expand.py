"""A sweep becomes units of work: axes expanded, repeats removed, needs linked, order fixed.

Pure: reads nothing, runs nothing, and is made once, of a sweep and of what the survey saw.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.catalog.solvers import SOLVERS
from d2b_ray.plan.analyses import generalise_units, weights_units
from d2b_ray.plan.axes import chosen_subjects
from d2b_ray.plan.block_lengths import with_block_lengths
from d2b_ray.plan.comparisons import compare_units, pairs
from d2b_ray.plan.extraction import shards_of
from d2b_ray.plan.feasible import check_delays, check_rows, check_test
from d2b_ray.plan.grouping import cell_words, grouped, model_of
from d2b_ray.plan.inputs import all_inputs
from d2b_ray.plan.keys import unit_key
from d2b_ray.plan.places import stimulus
from d2b_ray.plan.tests import (
    bootstrap_options,
    ceiling_unit,
    null_options,
    ranges,
    significance_params,
    voxel_tiles,
)
from d2b_ray.plan.units import Plan, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from d2b_ray.plan.grouping import ModelGroup, Variant
    from d2b_ray.plan.world import World
    from d2b_ray.spec import Sweep

__all__ = ["feature_units", "make_plan"]


def feature_units(sweep: Sweep, world: World) -> list[Unit]:
    """The feature sets that a sweep needs, as extract units: what a survey looks for.

    Needs of the world its models and rows only. Raises PlanError as `make_plan` does.
    """
    sweep = with_block_lengths(sweep, world)
    chosen_subjects(sweep, world.subjects)
    check_rows(sweep, world.sizes)
    check_test(sweep, world.sizes)
    check_delays(sweep, world)
    groups, variants, _ = grouped(sweep, world)
    pairs(sweep, [variant.place for variant in variants])
    return [unit for model, group in groups.items() for unit in _extract_units(model, group)]


def make_plan(sweep: Sweep, world: World) -> Plan:
    """Lay out all units of a sweep in a world: shards and ranges of permutations included.

    Raises PlanError for a subject or layer that does not exist, and for two different fits that would
    write the same files.
    """
    sweep = with_block_lengths(sweep, world)
    chosen = chosen_subjects(sweep, world.subjects)
    groups, variants, repeats = grouped(sweep, world)
    contrasts = pairs(sweep, [variant.place for variant in variants])
    read = {number for pair in contrasts for number in pair[:2]}
    for number, variant in enumerate(variants):
        variant.compared = sweep.generalise is not None or number in read
    extracts = [u for model, group in groups.items() for u in _extract_units(model, group)]
    shards = shards_of(extracts, world, sweep.resources.extract)
    index: dict[str, Unit] = {}
    for model, group in groups.items():
        for extract in _extract_units(model, group):
            parts = shards.of.get(extract.key, [])
            joins = replace(extract, needs=tuple(part.key for part in parts))
            index |= {unit.key: unit for unit in (*parts, joins) if unit.key not in index}
        for unit in _group_units(sweep, group, chosen, world):
            index.setdefault(unit.key, unit)
    commits = tuple(key for key, unit in index.items() if unit.kind == "commit")
    places = [variant.place for variant in variants]
    written = [index[key] for key in commits]
    compares = compare_units(sweep, contrasts, places, chosen, written)
    more = {**generalise_units(sweep, written, world), **weights_units(sweep, written, index)}
    index |= compares | more
    if commits:
        gather = _gather(sweep, commits, compares, more)
        index[gather.key] = gather
    inputs = {**shards.inputs, **all_inputs(index, world)}
    return Plan(tuple(index.values()), index, repeats, inputs)


def _gather(
    sweep: Sweep, commits: Sequence[str], compares: Mapping[str, Unit], more: Mapping[str, Unit]
) -> Unit:
    """What ends a sweep that fits anything."""
    params: dict[str, Any] = {"commits": sorted(commits), "table": sweep.output.table}
    if compares:
        params["compares"] = sorted(compares)
    if more:
        params["analyses"] = sorted(more)
    if sweep.summary is not None:
        params["summary"] = sweep.summary.model_dump(mode="json")
    if sweep.output.report == "tables":
        params["report"] = "tables"
    needs = (*commits, *compares, *more)
    return Unit("gather", unit_key("gather", params), params, needs, f"gather {sweep.name}")


def _extract_units(model: str, group: ModelGroup) -> Iterator[Unit]:
    """The feature sets of one model, with all layers that fits ask for."""
    for key, (params, layers) in group.sets.items():
        ready = MODALITIES[params["modality"]].reading
        label = (
            f"read {stimulus(params)} {model}" if ready else f"extract {stimulus(params)} {model}"
        )
        label += "" if ready else f" {params['modality']}"
        yield Unit("extract", key, params, (), label, model=model, layers=tuple(sorted(layers)))


def _group_units(
    sweep: Sweep, group: ModelGroup, subjects: tuple[str, ...], world: World
) -> Iterator[Unit]:
    """Units of one model, needs first; factorizations and ceilings may come more than once."""
    for design in group.designs.values():
        yield design.unit
        for variant in design.variants:
            factorization = _factorize(design.unit, variant)
            if factorization is not None:
                yield factorization
        for subject in subjects:
            own = [v for v in design.variants if v.cell.subject in (None, subject)]
            ceiling = ceiling_unit(sweep, world, subject, subjects) if own else None
            if ceiling is not None:
                yield ceiling
            for variant in own:
                factorization = _factorize(design.unit, variant)
                yield from _fit_units(sweep, variant, subject, factorization, ceiling, world)


def _factorize(design: Unit, variant: Variant) -> Unit | None:
    """The factorization a fit shares with all subjects; none where the solver prepares nothing."""
    kind, solver = variant.params["kind"], variant.params["solver"]
    if SOLVERS[kind][solver].prepare is None:
        return None
    params = {"design": design.key, "solver": solver}
    if kind != "ridge":
        params["kind"] = kind
    if variant.params.get("intercept"):
        params["intercept"] = True
    label = design.label.replace("design", "factorize", 1)
    key = unit_key("factorize", params)
    return Unit("factorize", key, params, (design.key,), label, model=design.model)


def _fit_units(
    sweep: Sweep,
    variant: Variant,
    subject: str,
    factorization: Unit | None,
    ceiling: Unit | None,
    world: World,
) -> Iterator[Unit]:
    """One subject's fit, its null tasks, its bootstrap and its commit."""
    model = model_of(variant.cell)
    words = f"{subject} {cell_words(variant.cell)}"
    params = {**variant.params, "subject": subject}
    needs = (params["design"],) if factorization is None else (params["design"], factorization.key)
    fit = Unit(
        "fit", unit_key("fit", params), params, needs, f"fit {words}", subject=subject, model=model
    )
    yield fit
    commit = _commit_params(sweep, variant, fit)
    key = unit_key("commit", commit)
    kept = world.counts.get(key, 0)
    read = [fit.key]
    for (start, stop), tile in product(
        ranges(sweep, kept), voxel_tiles(sweep, world.sizes.voxels[subject])
    ):
        params = {"fit": fit.key, "start": start, "stop": stop, **null_options(sweep.significance)}
        label = f"null {words} {start}-{stop}"
        if tile is not None:
            params["voxels"] = list(tile)
            label += f" voxels {tile[0]}-{tile[1]}"
        if variant.params["kind"] == "banded" and sweep.significance.rule == "drama2brain":
            params["rule"] = "drama2brain"  # compares the shares of bands with their correlations
        read.append(unit_key("null", params))
        yield Unit("null", read[-1], params, (fit.key,), label, subject=subject, model=model)
    if sweep.significance.bootstrap is not None:
        params = {"fit": fit.key, **bootstrap_options(sweep.significance)}
        read.append(unit_key("bootstrap", params))
        label = f"bootstrap {words}"
        yield Unit("bootstrap", read[-1], params, (fit.key,), label, subject=subject, model=model)
    if ceiling is not None:
        read.append(ceiling.key)
    yield Unit(
        "commit",
        key,
        commit,
        tuple(read),
        f"commit {words}",
        subject=subject,
        model=model,
        place={"subject": subject, **{k: v for k, v in variant.place.items() if k != "only"}},
        kept=kept,
    )


def _commit_params(sweep: Sweep, variant: Variant, fit: Unit) -> dict[str, Any]:
    return {
        "fit": fit.key,
        "significance": significance_params(sweep.significance),
        "save": sorted({*sweep.output.save, *_kept(sweep, variant)}),
        "table": sweep.output.table,
        "label": variant.cell.fit.label,
        **({} if sweep.output.figures else {"figures": False}),
    }


def _kept(sweep: Sweep, variant: Variant) -> tuple[str, ...]:
    """What a comparison reads, unless the sweep keeps it anyhow."""
    return ("compared",) if variant.compared and "predictions" not in sweep.output.save else ()
