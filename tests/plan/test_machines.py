"""What `plan --on` reads: lists by hand, and the clusters' files of this repository."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from d2b_ray.errors import SpecError
from d2b_ray.plan import Machines, machines_of_cluster, machines_of_text

CLUSTER = Path(__file__).resolve().parents[2] / "cluster"


def config(name):
    return yaml.safe_load((CLUSTER / name).read_text())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4x8+1,8x16", (12, 160, 4)),
        ("1x2", (1, 2, 0)),
        ("2x96+8, 1x64", (3, 256, 16)),
    ],
)
def test_a_list(text, found):
    assert machines_of_text(text) == found


@pytest.mark.parametrize("text", ["", "4", "4x", "x8", "4x8+", "4x8,", "-1x8", "4x8+1.5", "0x8"])
def test_what_is_no_list_is_refused_in_one_line(text):
    with pytest.raises(SpecError, match=r"^--on ") as told:
        machines_of_text(text)
    assert "\n" not in str(told.value)


def test_a_cluster_may_grow_to_its_limits_and_its_head_runs_nothing():
    # 4 spot and 4 on demand with a GPU each, 8 of 16 cores
    assert machines_of_cluster(config("aws-gpu.yaml"), "aws") == (16, 8 * 8 + 8 * 16, 8)
    assert machines_of_cluster(config("gcp-gpu.yaml"), "gcp") == (16, 8 * 12 + 8 * 16, 8)


def test_the_limit_of_all_takes_from_machines_without_a_gpu():
    few = config("aws-gpu.yaml") | {"max_workers": 9}
    assert machines_of_cluster(few, "aws") == Machines(9, 8 * 8 + 16, 8)


def test_files_that_do_not_say_it_are_refused():
    with pytest.raises(SpecError, match=r"no available_node_types.*--on 2x16"):
        machines_of_cluster(config("local.yaml"), "local.yaml")
    silent = config("aws-gpu.yaml")
    silent["available_node_types"]["cpu_spot"]["resources"] = {}
    with pytest.raises(SpecError, match="cpu_spot: its resources do not say"):
        machines_of_cluster(silent, "aws")
    with pytest.raises(SpecError, match="no available_node_types"):
        machines_of_cluster(["a list"], "list")
