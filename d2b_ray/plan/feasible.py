"""What cannot come out, told before anything runs: rows without a role, reductions that are too wide, tests
that could never find anything. Needs sizes only. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from d2b_ray.catalog.significance_tests import TESTS
from d2b_ray.errors import PlanError
from d2b_ray.plan.block_lengths import n_blocks

if TYPE_CHECKING:
    from d2b_ray.plan.axes import Cell
    from d2b_ray.plan.world import Sizes, World
    from d2b_ray.spec import Sweep

__all__ = ["check_delays", "check_reduction", "check_rows", "check_test"]


def check_rows(sweep: Sweep, sizes: Sizes) -> None:
    """PlanError unless there are training runs of two CV groups and a validation run."""
    column = f"split {sweep.dataset.split!r} of the run table"
    for role, samples in (("TRAIN", sizes.n_train), ("VALID", sizes.n_valid)):
        if not samples:
            raise PlanError(
                f"dataset.split: no run has the role {role} in {column}; a fit is made on TRAIN and "
                "scored on VALID: give some runs that role"
            )
    if sizes.n_groups < 2:
        raise PlanError(
            f"dataset.split: all training runs of {column} have one cv_group; penalties are chosen by "
            "leaving a group out: give them two groups or more (one a title, say)"
        )


def check_delays(sweep: Sweep, world: World) -> None:
    """PlanError for delays that reach beyond the longest run: all of the design would be zero."""
    longest = max(world.run_seconds.values(), default=0)
    for number, fit in enumerate(sweep.fits):
        for delays in fit.delays:
            end = delays.end * (world.tr_s if delays.unit == "trs" else 1)
            if longest and end >= longest:
                raise PlanError(
                    f"fits.{number}.delays.end: {end:g} s are no less than the longest run has, "
                    f"{longest} s; must be less"
                )


def check_reduction(cell: Cell, sizes: Sizes) -> None:
    """PlanError for a reduction to more columns than a feature space has, or than there are rows."""
    for space in cell.spaces if cell.reduce else ():
        feature = space.feature_set
        if feature.get("tokens") == "flat":
            continue  # as wide as the longest text, which is not known yet
        width = sizes.width[feature["modality"], feature["model"]]
        width = min(width, feature.get("reduce", {}).get("components", width))
        ((method, size),) = (cell.reduce or {}).items()
        most, left = width, size
        if method == "pca":
            most = min(width, sizes.n_train)
        else:  # the lemma of Johnson and Lindenstrauss
            left = int(4 * math.log(max(sizes.n_train, 2)) / (size**2 / 2 - size**3 / 3))
        if left > most:
            allowed = f"1 to {most}" if method == "pca" else "a larger eps, or none"
            raise PlanError(
                f"{cell.source}.reduce.{method}: {size} makes {left} columns of {feature['model']}, "
                f"which has {width}, and of {sizes.n_train} training rows; must be {allowed}"
            )


def check_test(sweep: Sweep, sizes: Sizes) -> None:
    """PlanError for a test whose p-values cannot reach the level of the sweep, whatever the data.

    B blocks have B! orders, of which one is the measured one; N permutations give p >= 1 / (N + 1).
    """
    block = sweep.significance
    test = TESTS[block.test]
    if test.null is None or block.rule == "drama2brain":
        return
    if test.draws_blocks:
        blocks = n_blocks(sizes.n_valid, int(block.block_trs))  # `auto` is a number by now
        least = 1 / math.factorial(min(blocks, 20))
        if least > block.level:
            raise PlanError(
                f"significance.block_trs: {block.block_trs} TRs cut the {sizes.n_valid} validation "
                f"samples into {blocks} blocks, which have {round(1 / least)} orders: no p can be below "
                f"{least:.2g}, and the level is {block.level:g}; take shorter blocks, or test: parametric"
            )
    if block.null == "voxel" and 1 / (block.permutations + 1) > block.level:
        raise PlanError(
            f"significance.permutations: of {block.permutations} no p can be below "
            f"{1 / (block.permutations + 1):.2g}, and the level is {block.level:g}; must be "
            f"{math.ceil(1 / block.level) - 1} or more"
        )
