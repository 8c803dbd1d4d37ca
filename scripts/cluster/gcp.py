"""cluster/gcp-gpu.yaml through Ray's bootstrap on Google Cloud, without Google Cloud.

Google ships the description of its API with its client. Every request that Ray makes is looked up in it
(a method that does not exist, a parameter that is missing, a body with a key or a type that the method does
not take: refused), and answered from a project that is kept in memory: made anew, and found again.

    python scripts/cluster/gcp.py          needs the extra `gcp`
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

CLUSTER = Path(__file__).resolve().parents[2] / "cluster"
SERVICES = ("cloudresourcemanager.v1", "iam.v1", "compute.v1")
TYPES = {"string": str, "boolean": bool, "integer": int, "number": (int, float)}
SPOT = {"gpu_spot": "SPOT", "gpu_on_demand": None, "cpu_spot": "SPOT", "head": None}
SKIPPED = 77


class Described:
    """The methods of one service, as Google describes them."""

    def __init__(self, service: str) -> None:
        import googleapiclient

        documents = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
        about = json.loads((documents / f"{service}.json").read_text())
        self.schemas = about["schemas"]
        self.host = urlsplit(about["rootUrl"]).netloc
        self.base = "/" + about.get("servicePath", "")
        self.methods = list(self._all(about["resources"]))

    def _all(self, resources: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for resource in resources.values():
            yield from resource.get("methods", {}).values()
            yield from self._all(resource.get("resources", {}))

    def find(self, verb: str, path: str) -> tuple[dict[str, Any], dict[str, str]]:
        """The method that answers at a path, and what the path names; the one with most fixed words."""
        found = []
        for method in self.methods:
            if method["httpMethod"] != verb:
                continue
            pattern = re.sub(
                r"\\\{\\?\+(\w+)\\\}", r"(?P<\1>.+)", re.escape(self.base + method["path"])
            )
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern)
            match = re.fullmatch(pattern, path)
            if match and self._named_as_described(method, match.groupdict()):
                found.append(
                    (len(re.sub(r"\(.*?\)", "", pattern)), method["id"], method, match.groupdict())
                )
        assert found, f"Google describes no method {verb} {path}"
        _, _, method, named = max(found, key=lambda one: one[:2])
        return method, named

    def _named_as_described(self, method: dict[str, Any], named: dict[str, str]) -> bool:
        patterns = {
            name: about.get("pattern") for name, about in method.get("parameters", {}).items()
        }
        return all(re.search(patterns.get(name) or "", value) for name, value in named.items())

    def problems(self, value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
        """What in a body the description does not allow."""
        schema = self.schemas[schema["$ref"]] if "$ref" in schema else schema
        kind = schema.get("type", "any")
        if kind == "object":
            if not isinstance(value, dict):
                yield f"{where} is {type(value).__name__}, not an object"
                return
            known, free = schema.get("properties", {}), schema.get("additionalProperties")
            for key, inner in value.items():
                if key in known or free:
                    yield from self.problems(inner, known.get(key, free), f"{where}.{key}")
                else:
                    yield f"{where} takes no {key!r}"
        elif kind == "array":
            if not isinstance(value, list):
                yield f"{where} is {type(value).__name__}, not a list"
                return
            for number, inner in enumerate(value):
                yield from self.problems(inner, schema["items"], f"{where}[{number}]")
        elif kind in TYPES and not (
            isinstance(value, TYPES[kind])
            or (schema.get("format") == "int64" and isinstance(value, int))
        ):
            yield f"{where} is {value!r}, not a {kind}"
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where} is {value!r}; there are {', '.join(schema['enum'])}"


class Project:
    """A project of Google Cloud that has nothing yet but a network. One method a method of the API."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.accounts: dict[str, dict[str, Any]] = {}
        self.policy: dict[str, Any] = {"bindings": [], "etag": "0"}
        self.metadata: dict[str, Any] = {"fingerprint": "0", "items": []}
        self.instances: dict[str, dict[str, Any]] = {}
        self.told: list[str] = []

    def answer(
        self, method: str, named: dict[str, str], query: dict[str, str], body: Any
    ) -> tuple[int, Any]:
        self.told.append(method)
        done = {"name": f"operation-{len(self.told)}", "status": "DONE"}
        match method:
            case "cloudresourcemanager.projects.get":
                return 200, {"projectId": self.name, "lifecycleState": "ACTIVE"}
            case "cloudresourcemanager.projects.getIamPolicy":
                return 200, self.policy
            case "cloudresourcemanager.projects.setIamPolicy":
                self.policy = body["policy"]
                return 200, self.policy
            case "iam.projects.serviceAccounts.get":
                known = self.accounts.get(named["name"])
                return (
                    (200, known)
                    if known
                    else (404, {"error": {"code": 404, "message": "not found"}})
                )
            case "iam.projects.serviceAccounts.create":
                email = f"{body['accountId']}@{self.name}.iam.gserviceaccount.com"
                place = f"projects/{self.name}/serviceAccounts/{email}"
                self.accounts[place] = {"name": place, "email": email, "projectId": self.name}
                return 200, self.accounts[place]
            case "compute.projects.get":
                return 200, {"name": self.name, "commonInstanceMetadata": self.metadata}
            case "compute.projects.setCommonInstanceMetadata":
                self.metadata = body
                return 200, done
            case "compute.globalOperations.get" | "compute.zoneOperations.get":
                return 200, {"name": named["operation"], "status": "DONE"}
            case "compute.subnetworks.list":
                link = f"https://www.googleapis.com/compute/v1/projects/{self.name}/regions/{named['region']}"
                return 200, {"items": [{"selfLink": f"{link}/subnetworks/default"}]}
            case "compute.instances.insert":
                self.instances[body["name"]] = {
                    **body,
                    "status": "RUNNING",
                    "labelFingerprint": "0",
                }
                return 200, done
            case "compute.instances.list":
                wanted = dict(re.findall(r"labels\.([\w-]+) = ([\w-]+)", query.get("filter", "")))
                has = [i for i in self.instances.values() if wanted.items() <= i["labels"].items()]
                return 200, {"items": has}
            case "compute.instances.delete":
                del self.instances[named["instance"]]
                return 200, done
        raise AssertionError(f"Ray asks {method}, which this project does not answer yet")


class Wire:
    """Takes the place of `httplib2.Http.request`: requests are checked, answers come from the project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.services = [Described(service) for service in SERVICES]

    def request(
        self, _http: Any, uri: str, method: str = "GET", body: Any = None, **_kwargs: Any
    ) -> tuple[Any, bytes]:
        import httplib2

        address = urlsplit(uri)
        query = dict(parse_qsl(address.query))
        (service,) = (
            s for s in self.services if s.host == address.netloc and address.path.startswith(s.base)
        )
        called, named = service.find(method, address.path)
        for name, about in called.get("parameters", {}).items():
            assert not about.get("required") or name in named or name in query, (
                f"{called['id']}: no {name}"
            )
        given = json.loads(body) if body else None
        if given is not None:
            wrong = list(
                service.problems(given, called["request"], called["id"].rpartition(".")[2])
            )
            assert not wrong, f"{called['id']}: {'; '.join(wrong)}"
        status, answer = self.project.answer(called["id"], named, query, given)
        return httplib2.Response(
            {"status": status, "content-type": "application/json"}
        ), json.dumps(answer).encode()


def started(config: dict[str, Any], project: Project) -> dict[str, dict[str, Any]]:
    """A node of each type, as `ray up` and its autoscaler start them; each listed by its type, then ended."""
    from ray.autoscaler._private.gcp.node_provider import GCPNodeProvider

    provider = GCPNodeProvider(config["provider"], config["cluster_name"])
    instances = {}
    for name, kind in config["available_node_types"].items():
        role = "head" if name == config["head_node_type"] else "worker"
        # what the bootstrap adds for the head, it adds before the type's own (ray/autoscaler/commands.py)
        base = {**(config["head_node"] if role == "head" else {}), **kind["node_config"]}
        labels = {
            "ray-node-type": role,
            "ray-node-name": f"ray-{config['cluster_name']}-{role}",
            "ray-user-node-type": name,
        }
        provider.create_node(base, labels, 1)
        (node,) = provider.non_terminated_nodes({"ray-user-node-type": name})
        assert provider.is_running(node)
        assert provider.node_tags(node)["ray-node-type"] == role
        instances[name] = dict(project.instances[node])
    for node in provider.non_terminated_nodes({}):
        provider.terminate_node(node)
    assert not project.instances, "ended nodes are left"
    return instances


def notices_mistakes(wire: Wire) -> None:
    """A key that no instance has, and a list where one object belongs, would not pass."""
    compute = next(service for service in wire.services if service.host.startswith("compute."))
    for wrong in ({"machineTyp": "n2-standard-4"}, {"scheduling": [{"preemptible": True}]}):
        assert list(compute.problems(wrong, {"$ref": "Instance"}, "insert")), wrong


def main(path: Path) -> None:
    import httplib2
    from ray.autoscaler._private.gcp.config import bootstrap_gcp
    from ray.autoscaler._private.util import prepare_config, validate_config

    os.environ["HOME"] = tempfile.mkdtemp()  # a key pair is written there
    config = prepare_config(yaml.safe_load(path.read_text()))
    validate_config(config)
    config["provider"]["gcp_credentials"] = {"type": "credentials_token", "credentials": "x"}
    project = Project(config["provider"]["project_id"])
    wire = Wire(project)
    notices_mistakes(wire)
    httplib2.Http.request = lambda *args, **kwargs: wire.request(*args, **kwargs)
    ready = bootstrap_gcp(config)
    again = bootstrap_gcp(config)
    assert ready == again, "what the first bootstrap made is not found by the second"
    assert project.told.count("iam.projects.serviceAccounts.create") == 1
    assert project.told.count("cloudresourcemanager.projects.setIamPolicy") == 1
    for name, instance in started(ready, project).items():
        accounts = instance["serviceAccounts"]
        spot = instance.get("scheduling", {}).get("provisioningModel")
        assert spot == SPOT[name], f"{name} is {spot or 'on demand'}"
        gpus = sum(gpu["acceleratorCount"] for gpu in instance.get("guestAccelerators", []))
        resources = ready["available_node_types"][name]["resources"]
        assert gpus == resources.get("GPU", 0), f"{name}: {gpus} GPUs, and Ray is told {resources}"
        print(
            f"gcp {name}: {instance['machineType'].rpartition('/')[2]}, {gpus} GPU, {spot or 'on demand'}, "
            f"account {accounts[0]['email'].partition('@')[0]}; Ray is told {resources}"
        )
    print(
        f"gcp: bootstrapped twice, {len(set(project.told))} methods of Google's own description asked "
        f"{len(project.told)} times, each body allowed by it, every node ended"
    )


if __name__ == "__main__":
    try:
        import google_auth_httplib2  # noqa: F401
        import googleapiclient  # noqa: F401
    except ImportError:
        print("gcp: skipped, it needs google-api-python-client (pip install -e '.[gcp]')")
        sys.exit(SKIPPED)
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CLUSTER / "gcp-gpu.yaml")
