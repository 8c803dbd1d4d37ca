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
        from ray.autoscaler.v2.utils import is_autoscaler_v2

        client = _client()
        if is_autoscaler_v2(fetch_from_server=True, gcs_client=client):
            return any(node.instance_id for node in _status().cluster_resource_state.node_states)
        status = json.loads(client.internal_kv_get(STATUS_KEY, None) or "{}")
        report = status.get("autoscaler_report")
        types = ((report or {}).get("node_type_mapping") or {}).values()
        return any(not OF_ONE_NODE.fullmatch(name) for name in types)
    except Exception as error:
        log.info("Ray %s does not tell of an autoscaler: %s", ray.__version__, error)
        return False


def denied(cpus: float, gpus: float) -> int:
    """How many workers of this size wait for nodes of which the autoscaler says that none will come.

    Either no type of node is that large, or no more nodes of those that are may be started.
    """
    try:
        never = _status().autoscaling_state.infeasible_resource_requests
        wanted = [request.resources_bundle for request in never]
    except Exception as error:
        log.info("Ray %s does not tell what cannot come: %s", ray.__version__, error)
        return 0
    return sum((b.get("CPU", 0.0), b.get("GPU", 0.0)) == (cpus, gpus) for b in wanted)


def _status() -> Any:
    from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply

    reply = GetClusterStatusReply()
    reply.ParseFromString(_client().get_cluster_status(timeout_s=10))
    return reply


def _client() -> Any:
    from ray import _raylet

    return _raylet.GcsClient(address=ray.get_runtime_context().gcs_address)  # type: ignore[attr-defined]
