"""The demo, by every way in: what was planted is found, and all stores are equal."""

from __future__ import annotations

import contextlib
import re
import resource
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest
from problems import Quiet
from scipy.stats import binom
from stores import assert_equal_stores

from cluster import plain_environment
from d2b_ray.cli.demo import write_demo_data
from d2b_ray.engine.session import run_sweep
from d2b_ray.spec import load

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
SUBJECTS = ("DM01", "DM03")
DRIVEN = ("speechTranscription", "objectiveAnnot50chara", "story")


def d2b_ray(*arguments, cwd, **environment):
    """The command line, as a user types it."""
    return subprocess.run(
        [sys.executable, "-m", "d2b_ray.cli", *arguments], cwd=cwd, capture_output=True, text=True,
        env=plain_environment(**environment),
    )  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A working directory with the demo data."""
    folder = tmp_path_factory.mktemp("demo")
    write_demo_data(folder / "demo" / "data", 0)
    return folder


@pytest.fixture(scope="module")
def results(base):
    """The demo run by the inline engine, in this process: its libraries are imported."""
    with contextlib.chdir(base):
        sweep = load(ROOT / "jobs/demo.yaml")
        assert run_sweep(sweep, Quiet(), engine="inline").ok
    return base / "demo" / "results"


@pytest.fixture(scope="module")
def voxels(results):
    """All rows of the voxel table."""
    files = f"{results}/tables/voxels/*/*.parquet"
    return duckdb.sql(f"from read_parquet('{files}', hive_partitioning=true)").df()


@pytest.fixture(scope="module")
def truth(base):
    """What was planted."""
    with np.load(base / "demo/data/truth.npz", allow_pickle=False) as found:
        return dict(found)


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("level", DRIVEN)
def test_planted_voxels_are_found_and_noise_is_not(voxels, truth, subject, level):
    chosen = voxels.query("subject == @subject and annotation == @level and layer == 4")
    chosen = chosen.sort_values("voxel")
    strength = truth[f"{subject}_strength"]
    driven = truth[f"{subject}_level"] == level
    strong = chosen.p_fdr.to_numpy()[driven & (strength == 2)]
    assert len(strong) > 200
    # scenes of the story last long: their series are slow, and the null is wide for them
    assert (strong < 0.05).mean() >= (0.6 if level == "story" else 0.95)
    noise = chosen.p.to_numpy()[strength == 0]
    low, high = binom.interval(0.999, len(noise), 0.05)
    assert low <= (noise < 0.05).sum() <= high


def test_results_in_python_as_the_readme_has_them(base, results):
    (program,) = re.findall(r"```python\n(import d2b_ray\n\nresults = .*?)```", README, re.DOTALL)
    names = {}
    with contextlib.chdir(base):
        exec(program, names)
    assert len(names["results"].fits) == 18
    image = np.asarray(names["brain"].dataobj)
    assert sorted(image[np.isfinite(image)].tolist()) == sorted(names["r"].tolist())
    assert names["r"].shape == (2160,)


def test_the_driving_level_of_each_region_is_recovered(voxels, truth):
    means = voxels.groupby(["roi", "annotation"], observed=True).r.mean().unstack()
    found = means.idxmax(axis=1).to_dict()
    planted = dict(zip(truth["DM01_roi"].tolist(), truth["DM01_level"].tolist(), strict=True))
    assert found == planted


def test_the_better_level_of_each_region_is_told_by_the_comparison(results, truth):
    """Speech and pictures against story, at layer 4: what drives a region is better there."""
    rows = duckdb.sql(f"from read_parquet('{results}/tables/comparisons.parquet')").df()
    planted = dict(zip(truth["DM01_roi"].tolist(), truth["DM01_level"].tolist(), strict=True))
    levels = rows[(rows["by"] == "annotation") & (rows["roi"] != "")]
    assert len(levels) == 2 * 6 * 3  # pairs, regions, two subjects and their mean
    for row in levels.itertuples():
        driving = planted[row.roi]
        if driving == row.first.split()[0]:
            assert row.better > 0.3 * row.voxels > 0.1 * row.voxels > row.worse
        elif driving == "story":
            assert row.worse > 0.3 * row.voxels > 0.1 * row.voxels > row.better


def test_a_second_run_is_quick_and_does_nothing(base, results):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = d2b_ray("run", str(ROOT / "jobs/demo.yaml"), cwd=base)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5
    assert "Nothing to do" in done.stdout
    assert done.returncode == 0
    status = d2b_ray("status", str(ROOT / "jobs/demo.yaml"), cwd=base)
    assert status.returncode == 0
    assert "up to date" in status.stdout


@pytest.mark.slow  # a submitted job runs it on Ray below; engine/test_parity.py starts a cluster so
@pytest.mark.ray
def test_ray_on_this_machine_gives_the_same_store(base, results, tmp_path):
    done = d2b_ray(
        "run", str(ROOT / "jobs/demo.yaml"), "--set", f"output.root={tmp_path}/out", cwd=base
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert_equal_stores(results, tmp_path / "out")
