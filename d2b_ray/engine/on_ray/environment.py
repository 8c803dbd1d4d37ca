"""What Ray reads from the environment when it is imported: must be set before, so it lives apart.

Ray's ports listen on every interface of the machine: a cluster that we start gets a token of its
own, without which any neighbour could run code in it.
"""

from __future__ import annotations

import os
import secrets
import sys

from d2b_ray.engine.on_ray.reaching import given_address

__all__ = ["set_ray_environment"]


def set_ray_environment(address: str | None) -> None:
    """Set what is not set yet; does nothing once ray is imported, or about tokens for a given cluster."""
    if "ray" in sys.modules:
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Killed for memory, a unit comes back to `control`, which retries it smaller; Ray itself would
    # start it again for ever with the same size.
    os.environ.setdefault("RAY_task_oom_retries", "0")
    # A cluster that grows has no node for a worker until there is one: `pool` says so, once.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "tasks with infeasible resource requests")
    if given_address(address) is None and "RAY_AUTH_MODE" not in os.environ:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
