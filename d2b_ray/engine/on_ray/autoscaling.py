"""What Ray tells of an autoscaler: whether there is one, and what it says it can never bring.

There is no public way to ask; where a version of Ray does not answer, nodes are waited for, not denied.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import ray

__all__ = ["denied", "grows"]

log = logging.getLogger(__name__)
STATUS_KEY = b"__autoscaling_status"  # of version 1
OF_ONE_NODE = re.compile("node_[0-9a-f]{56}")


def grows() -> bool:
    """Whether nodes come to this cluster when work waits for them.

    Ray runs its autoscaler beside every head, also where there is nothing to start. Of the second
    version, nodes that it can start carry the name of their instance; of the first, the report knows
    types of nodes, where there are none to start one for each node.
    """
    try:
        if _is_second():
            return any(node.instance_id for node in _status().cluster_resource_state.node_states)
        report = _first_status().get("autoscaler_report")
        types = ((report or {}).get("node_type_mapping") or {}).values()
        return any(not OF_ONE_NODE.fullmatch(name) for name in types)
    except Exception as error:
        log.info("Ray %s does not tell of an autoscaler: %s", ray.__version__, error)
        return False


def denied(cpus: float, gpus: float) -> int:
    """How many workers of this size wait for nodes of which the autoscaler says that none will come.

    Either no type of node is that large, or no more nodes of those that are may be started. The first
    version does not say so: there, what waits while nothing is started, and nothing could not be had.
    """
    try:
        if _is_second():
            never = _status().autoscaling_state.infeasible_resource_requests
            wanted = [(request.resources_bundle, 1) for request in never]
        else:
            wanted = _waits_in_vain(_first_status())
    except Exception as error:
        log.info("Ray %s does not tell what cannot come: %s", ray.__version__, error)
        return 0
    return sum(n for b, n in wanted if (b.get("CPU", 0.0), b.get("GPU", 0.0)) == (cpus, gpus))


def _waits_in_vain(status: dict[str, Any]) -> list[tuple[dict[str, float], int]]:
    report = status.get("autoscaler_report") or {}
    types = (report.get("node_availability_summary") or {}).get("node_availabilities") or {}
    short = any(not kind.get("is_available", True) for kind in types.values())
    if not report or short or report.get("pending_nodes") or report.get("pending_launches"):
        return []
    return [(bundle, int(n)) for bundle, n in status["load_metrics_report"]["resource_demand"]]


def _is_second() -> bool:
    from ray.autoscaler.v2.utils import is_autoscaler_v2

    return bool(is_autoscaler_v2(fetch_from_server=True, gcs_client=_client()))


def _first_status() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_client().internal_kv_get(STATUS_KEY, None) or "{}")
    return found


def _status() -> Any:
    from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply

    reply = GetClusterStatusReply()
    reply.ParseFromString(_client().get_cluster_status(timeout_s=10))
    return reply


def _client() -> Any:
    from ray import _raylet

    return _raylet.GcsClient(address=ray.get_runtime_context().gcs_address)  # type: ignore[attr-defined]
