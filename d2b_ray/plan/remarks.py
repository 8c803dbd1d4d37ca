"""What a person should know of a plan before it runs: blocks, folds, and what they are too few for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.catalog.significance_tests import TESTS
from d2b_ray.plan.block_lengths import FEW_FOR_INTERVALS, n_blocks, with_block_lengths
from d2b_ray.spec.dataset import responses_words

if TYPE_CHECKING:
    from d2b_ray.plan.world import World
    from d2b_ray.spec import Sweep

__all__ = ["remarks"]

FEW_GROUPS_ROWS = 10  # training samples a CV group, fewer of which make no correlation


def remarks(sweep: Sweep, world: World) -> list[str]:
    """Lines for `plan`: what the p-values and intervals of a sweep rest on, warnings among them."""
    block, samples = with_block_lengths(sweep, world).significance, world.sizes.n_valid
    test, told = TESTS[block.test], []
    if test.null is not None:
        words = f"p-values: {block.permutations:,} permutations of test {block.test}"
        if test.draws_blocks:
            count = n_blocks(samples, int(block.block_trs))
            words += f", {count} blocks of {block.block_trs} TRs, autocorrelation {block.autocorrelation}"
        told.append(words)
    if block.bootstrap is not None:
        length = int(block.bootstrap.block_trs)
        count = n_blocks(samples, length)
        words = f"intervals: {block.bootstrap.samples:,} draws of {count} blocks of {length} TRs"
        few = f"; fewer than {FEW_FOR_INTERVALS} blocks make them too narrow"
        told.append(words + (few if count < FEW_FOR_INTERVALS else ""))
    if block.ceiling == "repeats":
        runs, shows = len(world.repeats), len(world.repeats[0]) if world.repeats else 0
        told.append(f"ceilings: from {runs} validation stimuli that were shown {shows} times")
    groups, rows = world.sizes.n_groups, world.sizes.n_train
    words = (
        f"penalties: chosen over {groups} folds of {rows // max(1, groups):,} samples on average"
    )
    few = f"; folds of fewer than {FEW_GROUPS_ROWS} samples choose by chance"
    told += _data(sweep, world)
    return [*told, words + (few if rows < FEW_GROUPS_ROWS * groups else "")]


def _data(sweep: Sweep, world: World) -> list[str]:
    """TR and treatment of the responses, where they are not those of drama2brain."""
    plain = sweep.dataset.responses.as_plain(sweep.dataset.layout)
    if world.tr_s == 1 and not plain:
        return []
    return [f"responses: TR {world.tr_s:g} s, {responses_words(plain)}"]
