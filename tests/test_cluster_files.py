"""The files that start clusters are what Ray, Slurm and Kubernetes take, and safe as they stand.

What needs more than this machine has, `scripts/cluster-check` does.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
CLUSTER = ROOT / "cluster"
RAY_UP = [CLUSTER / f"{name}.yaml" for name in ("aws-gpu", "gcp-gpu", "local")]
CLOUDS = RAY_UP[:2]
MANIFEST = CLUSTER / "kuberay-rayjob.yaml"
RAY = "2.60.0"


def named(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", RAY_UP, ids=named)
def test_ray_up_takes_it(path):
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(path.read_text())
    validate_config(prepare_config(config))


@pytest.mark.parametrize("path", RAY_UP, ids=named)
def test_it_is_safe_by_default(path):
    text = path.read_text()
    starts = text.count("ray start ")
    assert starts == 2
    assert text.count("export RAY_AUTH_MODE=token") == 1 + starts  # and where `ray up` is called
    assert "0.0.0.0" not in text
    assert "--dashboard-host=127.0.0.1" in text
    assert text.count("RAY_task_oom_retries=0") == starts
    assert "<--" in text


@pytest.mark.parametrize("path", sorted(CLUSTER.iterdir()), ids=named)
def test_no_secret_stands_in_it(path):
    text = path.read_text()
    assert not re.search(r"AKIA|aws_secret|AWS_SECRET|SECRET_KEY|password|HF_TOKEN=", text)
    assert max(len(line) for line in text.splitlines()) < 180


@pytest.mark.parametrize("path", CLOUDS, ids=named)
def test_the_head_runs_no_units_and_workers_come_from_none(path):
    config = yaml.safe_load(path.read_text())
    types = config["available_node_types"]
    assert types[config["head_node_type"]]["resources"]["CPU"] == 0
    assert "--num-cpus=0" in config["head_start_ray_commands"][-1]
    workers = {name: kind for name, kind in types.items() if name != config["head_node_type"]}
    assert all(kind["min_workers"] == 0 < kind["max_workers"] for kind in workers.values())
    assert {name.partition("_")[0] for name in workers} == {"gpu", "cpu"}
    assert workers["gpu_spot"]["priority"] > workers["gpu_on_demand"]["priority"]
    same = [dict(workers[name]["node_config"]) for name in ("gpu_spot", "gpu_on_demand")]
    for config_of in same:
        config_of.pop("InstanceMarketOptions", None)
        config_of.pop("scheduling", None)
    assert same[0] == same[1]  # but for the price
    assert config["docker"]["image"].startswith(f"rayproject/ray:{RAY}-py311")


def test_google_cloud_takes_one_schedule_and_keeps_no_disk_of_a_reclaimed_node():
    """Its API has one object there, where Ray's examples write a list (scripts/cluster/gcp.py)."""
    types = yaml.safe_load((CLUSTER / "gcp-gpu.yaml").read_text())["available_node_types"]
    for name in ("gpu_spot", "cpu_spot"):
        assert types[name]["node_config"]["scheduling"] == {
            "provisioningModel": "SPOT",
            "instanceTerminationAction": "DELETE",
        }
    assert types["gpu_on_demand"]["node_config"]["scheduling"] == {"onHostMaintenance": "TERMINATE"}


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [("", "0"), ("0,1", "2"), ("NoDevFiles", "0"), ("GPU-1f,GPU-2e,GPU-3d", "3")],
)
def test_a_node_of_slurm_counts_the_gpus_it_was_given(visible, gpus):
    (line,) = (
        line for line in (CLUSTER / "slurm.sbatch").read_text().splitlines() if "gpus=$(" in line
    )
    told = subprocess.run(
        ["bash", "-c", f"{line}\necho $gpus"],
        env={"PATH": os.environ["PATH"], "CUDA_VISIBLE_DEVICES": visible},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == gpus


def test_a_misspelt_key_would_be_noticed():
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(RAY_UP[0].read_text())
    config["max_wrokers"] = 3
    with pytest.raises(Exception, match="max_wrokers"):
        validate_config(prepare_config(config))


def test_the_manifest_is_a_ray_job_with_a_token():
    job = yaml.safe_load(MANIFEST.read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"] == RAY
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    groups = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    assert set(groups) == {"gpu", "cpu"}
    for name, group in groups.items():
        assert group["minReplicas"] == 0 < group["maxReplicas"]
        (container,) = group["template"]["spec"]["containers"]
        limits = container["resources"]["limits"]
        assert limits == container["resources"]["requests"]
        assert ("nvidia.com/gpu" in limits) == (name == "gpu")


def test_the_batch_script_is_a_script():
    script = CLUSTER / "slurm.sbatch"
    subprocess.run(["bash", "-n", str(script)], check=True)
    text = script.read_text()
    for option in ("--requeue", "--open-mode=append", "--ntasks-per-node=1", "hetjob"):
        assert option in text
    assert "RAY_AUTH_MODE=token" in text
    assert "ray symmetric-run" in text


def test_the_image_is_built_from_what_is_here_and_not_as_root():
    lines = (CLUSTER / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER"}
    assert {word for word, _ in steps} <= known
    assert (
        next(words for word, words in steps if word == "ARG")
        == f"BASE=rayproject/ray:{RAY}-py311-cpu"
    )
    for words in (words for word, words in steps if word == "COPY"):
        *sources, _ = [word for word in words.split() if not word.startswith("--")]
        assert all((ROOT / source).exists() for source in sources)
    assert any("-c constraints.txt" in words for word, words in steps if word == "RUN")
    assert [words for word, words in steps if word == "USER"][-1] == "ray"


def test_ray_of_these_files_is_the_tested_one():
    assert f"ray=={RAY}" in (ROOT / "constraints.txt").read_text().splitlines()
