"""Null tasks take some voxels each: counts, resumed and extended ones too, are those of one task."""

from __future__ import annotations

import numpy as np
import pytest
from problems import Quiet, common_sweep
from stores import assert_equal_stores

from d2b_ray.arrays import NullCounts
from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import FitError
from d2b_ray.significance import merge
from d2b_ray.store import Store

LESS = ("features.llm.annotation=story", "dataset.subjects=[S1, S2]", "compare=[]",
        "significance.bootstrap=null", "output.save=[scores, pvalues]")  # fmt: skip


def run(root, out, *more):
    summary = run_sweep(common_sweep(root, out, *LESS, *more), Quiet(), engine="inline")
    assert summary.ok, summary.failed
    return summary


@pytest.mark.parametrize("correction", ["fdr_bh", "max"])
def test_tiles_of_voxels_give_the_bytes_of_one_task(common_root, tmp_path, correction):
    asked = f"significance.correction={correction}"
    whole = run(common_root, tmp_path / "whole", asked)
    tiles = run(common_root, tmp_path / "tiles", asked, "resources.permute.voxels=7")
    assert tiles.executed["null"] == 4 * whole.executed["null"]
    assert_equal_stores(tmp_path / "whole", tmp_path / "tiles")


def test_an_extension_may_be_split_otherwise(common_root, tmp_path):
    run(common_root, tmp_path / "whole")
    few = ("significance.permutations=20", "resources.permute.voxels=10")
    run(common_root, tmp_path / "grown", *few)
    grown = run(
        common_root, tmp_path / "grown", "resources.permute.voxels=5", "resources.permute.block=9"
    )
    assert grown.executed["null"] == 4 * 5 * 3  # fits, tiles, ranges of the 20 that were lacking
    assert_equal_stores(tmp_path / "whole", tmp_path / "grown")


def test_a_tile_of_which_all_voxels_are_bad_counts_nothing(common_root, tmp_path):
    import shutil

    root = tmp_path / "data"
    shutil.copytree(common_root, root)
    for path in (root / "responses" / "S1").iterdir():
        rows = np.load(path)
        rows[:, 8:18] = 1.0
        np.save(path, rows)
    ceiling = "significance.ceiling=none"
    run(root, tmp_path / "whole", ceiling)
    run(root, tmp_path / "tiles", ceiling, "resources.permute.voxels=4")
    assert_equal_stores(tmp_path / "whole", tmp_path / "tiles")
    fits = Store(str(tmp_path / "tiles")).read_table("tables/fits.parquet").to_pylist()
    assert {fit["left_out"] for fit in fits} == {0, 10}


def test_voxels_that_do_not_join_are_refused():
    def counts(first, start=0, permutations=3):
        some = np.zeros(4, np.int64)
        return NullCounts(some, some, 3, np.zeros(permutations, np.float32), start, first)

    assert len(merge([counts(4), counts(0)]).exceed) == 8
    for parts in ([counts(0), counts(5)], [counts(0), counts(3)], [counts(0), counts(4, 0, 2)]):
        with pytest.raises(FitError, match="do not join"):
            merge(parts)
