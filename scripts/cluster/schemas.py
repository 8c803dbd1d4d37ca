"""The files of cluster/ against what reads them: AWS's bootstrap on a mock of its API, KubeRay's RayJob.

python scripts/cluster/schemas.py            RAYJOB_CRD=ray.io_rayjobs.yaml for the second
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import yaml

CLUSTER = Path(__file__).resolve().parents[2] / "cluster"
SKIPPED = 77


def aws() -> None:
    """Bootstrap the cluster and start a node of each type, as `ray up` would."""
    os.environ.update(
        HOME=tempfile.mkdtemp(),  # a key pair is written there
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
        AWS_DEFAULT_REGION="us-east-1",
    )
    import boto3
    from moto import mock_aws
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.util import prepare_config, validate_config

    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        config = prepare_config(yaml.safe_load((CLUSTER / "aws-gpu.yaml").read_text()))
        validate_config(config)
        image = boto3.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        profiles = boto3.client("iam")
        for kind in config["available_node_types"].values():
            kind["node_config"]["ImageId"] = image
            arn = kind["node_config"]["IamInstanceProfile"]["Arn"]
            name = arn.rpartition("/")[2]
            known = profiles.list_instance_profiles()["InstanceProfiles"]
            if name not in [profile["InstanceProfileName"] for profile in known]:
                profiles.create_instance_profile(InstanceProfileName=name)
            kind["node_config"]["IamInstanceProfile"] = {"Name": name}
        config = AWSNodeProvider.fillout_available_node_types_resources(config)
        for name, kind in config["available_node_types"].items():
            print(f"aws {name}: {kind['resources']}")
        ready = bootstrap_aws(config)
        provider = AWSNodeProvider(ready["provider"], ready["cluster_name"])
        for name, kind in ready["available_node_types"].items():
            tags = {"ray-node-kind": "worker", "ray-node-name": name, "ray-user-node-type": name}
            provider.create_node(kind["node_config"], tags, 1)
        started = provider.non_terminated_nodes({})
        assert len(started) == len(ready["available_node_types"]), started
        print(f"aws: bootstrapped, {len(started)} nodes started on a mock of its API")


def closed(schema: object) -> None:
    """Make every object of a schema refuse keys that it does not name."""
    if isinstance(schema, dict):
        if schema.get("x-kubernetes-int-or-string"):
            schema.pop("anyOf", None)
            schema.pop("pattern", None)
            schema["type"] = ["integer", "string"]
        free = schema.get("x-kubernetes-preserve-unknown-fields")
        if schema.get("type") == "object" and "properties" in schema and not free:
            schema.setdefault("additionalProperties", False)
    for inner in (
        schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    ):
        closed(inner)


def kuberay(crd: Path) -> None:
    """The manifest against the definition, and a misspelt key against it too."""
    import jsonschema

    versions = yaml.load(crd.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    (schema,) = (
        v["schema"]["openAPIV3Schema"] for v in versions["spec"]["versions"] if v["name"] == "v1"
    )
    closed(schema)
    schema["properties"]["metadata"] = {"type": "object"}
    check = jsonschema.Draft7Validator(schema)
    job = yaml.safe_load((CLUSTER / "kuberay-rayjob.yaml").read_text())
    errors = [f"{'/'.join(map(str, e.path))}: {e.message[:200]}" for e in check.iter_errors(job)]
    assert not errors, errors
    job["spec"]["shutdownAfterJobFinish"] = True
    assert list(check.iter_errors(job)), "a misspelt key is not noticed"
    print("kuberay: the manifest is a RayJob of its definition")


if __name__ == "__main__":
    aws()
    if "RAYJOB_CRD" in os.environ:
        kuberay(Path(os.environ["RAYJOB_CRD"]))
    else:
        print("kuberay: skipped, RAYJOB_CRD names no definition")
    sys.exit(0)
