"""A real Ray cluster of several nodes on this machine, of which nodes may be lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager

import pytest

from cluster import BIN, plain_environment

# A node that is lost is noticed within two seconds.
FAST_DEATH = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 100_000,  # a dead node refuses at once; a busy one answers late
    "health_check_failure_threshold": 3,
    "worker_register_timeout_seconds": 300,  # the same of a worker: how busy we are is no fault
}
KINDS = ("design", "factorize", "fit", "null", "commit")  # of units that tests run on it
OBJECT_STORE_BYTES = 150 << 20  # of each node


class Nodes:
    """A head that runs no units, and worker nodes that may be lost.

    Workers see the variables of now and `environment`; this process only while it starts a node, or joins.
    """

    def __init__(self, folder: str, **environment: str) -> None:
        own = {"RAY_TMPDIR": folder, "RAY_task_oom_retries": "0", "RAY_worker_niceness": "0"}
        # what tests set meanwhile is no node's: its workers could not be forked from what has imported before
        self.environment = {**os.environ, **own, **environment}
        self.environment.pop("PYTEST_CURRENT_TEST", None)
        with alone(**self.environment):
            from ray.cluster_utils import Cluster

            from d2b_ray.engine.on_ray.starting.forking import forking
            from d2b_ray.engine.on_ray.starting.lean_start import lean_start
            from d2b_ray.steps.imports import imports_of

            self._ends = ExitStack()
            self._forks = self._ends.enter_context(forking(imports_of(KINDS)))
            with lean_start(self._forks):
                self.cluster = Cluster(
                    initialize_head=True,
                    head_node_args={
                        "num_cpus": 0, "include_dashboard": False, "_system_config": FAST_DEATH,
                        "object_store_memory": OBJECT_STORE_BYTES,
                    },
                )  # fmt: skip
        self.nodes: dict[str, object] = {}
        self._lost: set[str] = set()
        self._addresses = (f"127.0.1.{last}" for last in range(2, 250))

    def join(self) -> None:
        """This process becomes a driver."""
        import ray

        with alone(**self.environment):
            ray.init(address=self.cluster.address, log_to_driver=False, logging_level="ERROR")

    def add(self, num_cpus: int = 1, num_gpus: int = 0, **environment: str) -> str:
        """A node joins; its number. Its address is its own, so that a driver joins by the head."""
        from d2b_ray.engine.on_ray.starting.lean_start import lean_start

        with alone(**self.environment | environment), lean_start(self._forks):
            node = self.cluster.add_node(
                num_cpus=num_cpus, num_gpus=num_gpus, node_ip_address=next(self._addresses)
            )
        self.nodes[node.node_id] = node
        return node.node_id

    @contextmanager
    def blind(self, folder):
        """A node for which `folder` is empty, as long as the block runs; its number. Needs root."""
        import ray

        before = {node["NodeID"] for node in ray.nodes()}
        start = f"mount -t tmpfs none {folder} && exec {BIN}/ray start --block --num-cpus=1"
        start += f" --address={self.cluster.address} --node-ip-address={next(self._addresses)}"
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", start], env=plain_environment(**self.environment),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            while not (new := {n["NodeID"] for n in ray.nodes() if n["Alive"]} - before):
                if process.poll() is not None:
                    pytest.skip(f"no mounts of one's own here: {process.stderr.read()}")
                time.sleep(0.1)
            yield next(iter(new))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._lost |= new

    def lose(self, number: str) -> None:
        """End a node as a power cut would."""
        self.cluster.remove_node(self.nodes.pop(number), allow_graceful=False)
        self._lost.add(number)

    def keep(self, count: int) -> None:
        """Exactly `count` worker nodes: a run must not be planned on one whose loss is not noticed yet."""
        import ray

        while len(self.nodes) < count:
            self.add()
        for number in list(self.nodes)[count:]:
            self.lose(number)
        while self._lost & {node["NodeID"] for node in ray.nodes() if node["Alive"]}:
            time.sleep(0.05)

    def announce_end(self, number: str) -> None:
        """What the cloud's notice becomes in Ray: the node is drained."""
        import ray
        from ray.core.generated import autoscaler_pb2

        client = ray._raylet.GcsClient(address=self.cluster.address)
        reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
        accepted, why = client.drain_node(number, reason, "spot instance reclaimed", 0)
        assert accepted, why

    def end(self) -> None:
        """End all of it."""
        import ray

        ray.shutdown()
        self.cluster.shutdown()
        self._ends.close()


@contextmanager
def alone(**values: str):
    """These environment variables inside the block, and no other."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
