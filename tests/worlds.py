"""Worlds that no survey has seen: what a plan needs to know, made up."""

from __future__ import annotations

from d2b_ray.features import components_for
from d2b_ray.plan import Plan, Sizes, World, make_plan
from d2b_ray.plan.axes import used_blocks

SIZES = {"n_train": 22_262, "n_valid": 7_737, "seconds": 30_000, "n_groups": 4}


def world_of(
    sweep, subjects=("S1", "S2"), *, layers: int = 7, rows: int | None = None, **more
) -> World:
    """Models of so many `layers` and 4,096 columns; projections of `rows` rows, if they are known."""
    models = [(block.modality, model) for block in used_blocks(sweep) for model in block.model]
    eps = {getattr(getattr(block, "reduce", None), "srp", None) for block in used_blocks(sweep)}
    sizes = Sizes(
        **SIZES,
        voxels=dict.fromkeys(subjects, 88_000),
        width=dict.fromkeys(models, 4096),
        depth=dict.fromkeys(models, layers),
    )
    columns = {e: components_for(e, rows) for e in eps if e and rows}
    return World(tuple(subjects), sizes, columns, **more)


def plan_of(sweep, subjects=("S1", "S2"), *, layers: int = 7, rows: int | None = None) -> Plan:
    """The plan of a sweep in such a world."""
    return make_plan(sweep, world_of(sweep, subjects, layers=layers, rows=rows))
