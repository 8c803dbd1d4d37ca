"""A Ray head of the tests' own whose nodes come and go by themselves: Ray's autoscaler, on one machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from cluster import BIN, free_ports, plain_environment

HEAD_NODE = "f" * 51 + "00000"  # what Ray's fake provider calls the head
IDLE_MINUTES = 0.05
MEMORY, OBJECT_STORE = 8 << 30, 150_000_000


def config(address: str, types: dict[str, dict], most: int) -> dict:
    """Of a cluster whose `types` of nodes, name -> resources, may each be there so many times."""
    kinds = {
        name: {
            "resources": {"memory": MEMORY, "object_store_memory": OBJECT_STORE, **has},
            "node_config": {},
            "min_workers": 0,
            "max_workers": most,
        }
        for name, has in types.items()
    }
    kinds["ray.head.default"] = {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}
    lists = (
        "cluster_synced_files", "rsync_exclude", "rsync_filter", "initialization_commands",
        "setup_commands", "head_setup_commands", "worker_setup_commands",
        "head_start_ray_commands", "worker_start_ray_commands",
    )  # fmt: skip
    return {
        "cluster_name": "fake", "max_workers": most * len(types), "upscaling_speed": 100.0,
        "idle_timeout_minutes": IDLE_MINUTES, "auth": {"ssh_user": "nobody"}, "docker": {},
        "file_mounts": {}, "file_mounts_sync_continuously": False,
        "head_node_type": "ray.head.default", "available_node_types": kinds,
        "provider": {
            "type": "external", "module": "fake_nodes.FakeNodes", "disable_node_updaters": True,
            "disable_launch_config_check": True, "foreground_node_launch": True,
            "use_internal_ips": True, "launch_multiple": True, "head_node_id": HEAD_NODE,
            "gcs_address": address,
        },
        **{name: [] for name in lists},
    }  # fmt: skip


@contextmanager
def autoscaled_head(types: dict[str, dict], *, most: int = 2, **environment: str):
    """The address of a head without CPUs; ends with all its nodes."""
    with tempfile.TemporaryDirectory(prefix="d2b", ignore_cleanup_errors=True) as folder:
        (port,) = free_ports(1)
        address = f"127.0.0.1:{port}"
        file = Path(folder) / "cluster.json"
        file.write_text(json.dumps(config(address, types, most)))
        command = [
            str(BIN / "ray"), "start", "--head", "--block", f"--port={port}",
            f"--temp-dir={folder}", "--num-cpus=0", "--include-dashboard=false",
            f"--autoscaling-config={file}", f"--object-store-memory={OBJECT_STORE}",
        ]  # fmt: skip
        path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        own = {
            "RAY_AUTH_MODE": "disabled", "RAY_FAKE_CLUSTER": "1", "RAY_enable_autoscaler_v2": "1",
            "RAY_CLOUD_INSTANCE_ID": HEAD_NODE, "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_NODE,
            "AUTOSCALER_UPDATE_INTERVAL_S": "1", "PYTHONPATH": os.pathsep.join(path),
        }  # fmt: skip
        env = plain_environment(**own | environment)
        log = open(Path(folder) / "head.log", "wb")  # noqa: SIM115  # must outlive this block
        process = subprocess.Popen(
            command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            while b"Ray runtime started" not in Path(log.name).read_bytes():
                assert process.poll() is None, Path(log.name).read_text()
                time.sleep(0.1)
            yield address
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # the nodes are of its session too
            process.wait()
            log.close()


def nodes_of() -> list[tuple[float, float]]:
    """CPUs and GPUs of each node that is alive, but the head; for a process that joined."""
    import ray

    has = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    found = sorted((r.get("CPU", 0), r.get("GPU", 0)) for r in has)
    return [pair for pair in found if pair != (0, 0)]


def nodes_with_gpus() -> set[str]:
    """The names of those that have some."""
    import ray

    return {n["NodeID"] for n in ray.nodes() if n["Alive"] and n["Resources"].get("GPU", 0)}


def gpus_in_use() -> float:
    """GPUs that workers hold."""
    import ray

    return ray.cluster_resources().get("GPU", 0) - ray.available_resources().get("GPU", 0)
