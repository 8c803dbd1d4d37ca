"""The block `significance` as params of units: which permutations, which draws, what a commit tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.significance_tests import TESTS
from d2b_ray.errors import PlanError
from d2b_ray.plan.keys import unit_key
from d2b_ray.plan.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from d2b_ray.plan.world import World
    from d2b_ray.spec import SignificanceBlock, Sweep

__all__ = [
    "bootstrap_options",
    "ceiling_unit",
    "compare_options",
    "null_options",
    "ranges",
    "significance_params",
    "voxel_tiles",
]


def ranges(sweep: Sweep, kept: int = 0) -> Iterator[tuple[int, int]]:
    """Permutation ranges [start, stop) of the null tasks, from `kept` on; none without a null."""
    if TESTS[sweep.significance.test].null is None:
        return
    count, block = sweep.significance.permutations, sweep.resources.permute.block
    for start in range(0, count, block):
        if kept < (stop := min(start + block, count)):
            yield max(start, kept), stop


def voxel_tiles(sweep: Sweep, voxels: int) -> Iterator[tuple[int, int] | None]:
    """Columns [first, end) of the null tasks; None where one takes all.

    A null that is pooled compares each voxel with the null values of all.
    """
    block, size = sweep.significance, sweep.resources.permute.voxels
    pooled = TESTS[block.test].pools or block.null == "pooled"
    if pooled or voxels <= size:
        yield None
        return
    for first in range(0, voxels, size):
        yield first, min(first + size, voxels)


def null_options(block: SignificanceBlock) -> dict[str, Any]:
    """What a permutation depends on: a test names it. Block length means nothing to white noise."""
    named = {name: getattr(block, name) for name in TESTS[block.test].options}
    if "within_runs" in named:
        del named["within_runs"]
        named |= _confined(block)
    if named.get("autocorrelation") == "blocks":  # as it was before there was a choice
        del named["autocorrelation"]
    return {"test": block.test, **named}


def _confined(block: SignificanceBlock) -> dict[str, Any]:
    """Said only where it holds, so that keys of units without it stay what they were."""
    return {"within_runs": True} if block.within_runs else {}


def significance_params(block: SignificanceBlock) -> dict[str, Any]:
    """What is told beside the scores, for a commit: options that change nothing are left out."""
    test = TESTS[block.test]
    found: dict[str, Any] = {"test": block.test}
    if test.null is not None or test.p_values is not None:
        found |= {"correction": block.correction, "level": block.level, **null_options(block)}
    if test.null is not None:
        found |= {"permutations": block.permutations, "rule": block.rule}
    if block.bootstrap is not None:
        found["bootstrap"] = bootstrap_options(block)
    if block.ceiling != "none":
        found["ceiling"] = block.ceiling
    return found


def ceiling_unit(sweep: Sweep, world: World, subject: str, subjects: Sequence[str]) -> Unit | None:
    """The ceiling of a subject, shared by all its fits; None where none is asked for."""
    if sweep.significance.ceiling == "none":
        return None
    of = _of_others if sweep.significance.ceiling == "subjects" else _of_repeats
    params = {"subject": subject, "split": sweep.dataset.split} | of(world, subject, subjects)
    if treatment := sweep.dataset.responses.as_plain(sweep.dataset.layout):
        params["responses"] = treatment
    key = unit_key("ceiling", params)
    return Unit("ceiling", key, params, (), f"ceiling {subject}", subject=subject)


def _of_repeats(world: World, subject: str, subjects: Sequence[str]) -> dict[str, Any]:
    """Which runs show the same."""
    counts = {len(runs) for runs in world.repeats}
    if len(counts) != 1:
        told = "names none" if not counts else f"has stimuli shown {sorted(counts)} times"
        raise PlanError(
            "significance.ceiling: repeats needs validation runs that were shown again, all equally often; "
            f"the column repeat_of of the run table {told}"
        )
    return {"repeats": [list(runs) for runs in world.repeats]}


def _of_others(world: World, subject: str, subjects: Sequence[str]) -> dict[str, Any]:
    """All other subjects of the sweep."""
    others = sorted(set(subjects) - {subject})
    if not others:
        raise PlanError(
            "significance.ceiling: subjects needs 2 subjects or more in dataset.subjects; "
            f"this sweep has {subject} only"
        )
    return {"others": others}


def compare_options(block: SignificanceBlock, permutations: int) -> dict[str, Any]:
    """What the test of a difference depends on: blocks, seed and correction are the sweep's."""
    return {
        "permutations": permutations,
        "block_trs": block.block_trs,
        "seed": block.seed,
        "correction": block.correction,
        "level": block.level,
        **_confined(block),
    }


def bootstrap_options(block: SignificanceBlock) -> dict[str, Any]:
    """What intervals depend on; a block has them."""
    assert block.bootstrap is not None
    return {**block.bootstrap.model_dump(mode="json"), **_confined(block)}
