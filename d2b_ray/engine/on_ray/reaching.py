"""Whether a Ray cluster answers at an address: found out with one question, before Ray is asked.

Ray waits for minutes where nobody listens, and for ever where somebody else does. Here the answer is
there within `PATIENCE_S`. Knows no ray, so that it costs nothing to import.
"""

from __future__ import annotations

import json
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from d2b_ray.errors import ClusterError

__all__ = ["NO_TOKEN", "check_cluster", "check_dashboard", "given_address"]

PATIENCE_S = 5.0
ALIVE = "/ray.rpc.NodeInfoGcsService/CheckAlive"  # with an empty request
CLUSTER_PORT, CLIENT_SCHEME = 6379, "ray://"
NO_TOKEN = (
    "wants a token: export RAY_AUTH_MODE=token, and put the cluster's token into ~/.ray/auth_token "
    "(or name its file by RAY_AUTH_TOKEN_PATH)"
)


def given_address(address: str | None) -> tuple[str, str] | None:
    """The address of a running cluster that was asked for, and by what; None: this machine alone."""
    if address in (None, "") and os.environ.get("RAY_ADDRESS"):
        address, source = os.environ["RAY_ADDRESS"], "RAY_ADDRESS"
    else:
        source = "--address"
    return None if address in (None, "", "local") else (str(address), source)


def check_cluster(address: str, source: str = "--address") -> None:
    """ClusterError unless the head of a cluster is at `address`, and takes our token if it wants one."""
    what = f"{source} {address}"
    if address == "auto":
        return  # looked up by Ray in its own files
    if address.startswith(("http://", "https://")):
        raise ClusterError(
            f"{what} is that of a dashboard, which takes jobs (`d2b-ray submit`); "
            f"to join the cluster give HOST:{CLUSTER_PORT}"
        )
    place = address.removeprefix(CLIENT_SCHEME)
    try:
        socket.create_connection(_host_and_port(place, what), timeout=PATIENCE_S).close()
    except OSError as error:
        raise ClusterError(
            f"{what}: {_reason(error)}; start a cluster there (`ray start --head`), or leave it "
            "out to use this machine"
        ) from error
    if place == address and os.environ.get("RAY_USE_TLS", "0") in ("0", "false", "False"):
        _ask_head(place, what)


def _ask_head(place: str, what: str) -> None:
    """Ask for a sign of life, as Ray's own client does, which would ask again and again."""
    import grpc

    token = _token()
    with grpc.insecure_channel(place) as channel:
        ask = channel.unary_unary(ALIVE, request_serializer=bytes, response_deserializer=bytes)
        try:
            ask(
                b"",
                timeout=PATIENCE_S,
                metadata=[("authorization", f"Bearer {token}")] if token else None,
            )
        except grpc.RpcError as error:
            code = error.code()
            if code == grpc.StatusCode.UNAUTHENTICATED:
                raise ClusterError(f"{what} {NO_TOKEN}") from error
            if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise ClusterError(
                    f"{what}: no answer within {PATIENCE_S:g} s; is it the head of the cluster?"
                ) from error
            raise ClusterError(
                f"{what}: what listens there is not the head of a Ray cluster; its port is "
                f"{CLUSTER_PORT} unless `ray start --port` says otherwise"
            ) from error


def _token() -> str:
    """The token that Ray would send: as its environment, or its file, has it."""
    if os.environ.get("RAY_AUTH_MODE", "disabled") != "token":
        return ""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return os.environ["RAY_AUTH_TOKEN"].strip()
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def check_dashboard(address: str) -> str:
    """The URL of the dashboard at `address`, `HOST:PORT` or a URL; ClusterError if there is none."""
    url = address if "://" in address else f"http://{address}"
    if not url.startswith(("http://", "https://")):
        raise ClusterError(
            f"--address {address}: jobs are taken by the dashboard; give http://HOST:8265"
        )
    url = url.rstrip("/")
    what = f"--address {address}"
    _host_and_port(urlsplit(url).netloc, what, least=1)
    try:
        with urllib.request.urlopen(f"{url}/api/version", timeout=PATIENCE_S) as reply:
            told = json.loads(reply.read(10_000))
        version = told["ray_version"]
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return url  # it wants a token, which the client brings
        raise ClusterError(f"{what}: what listens there is not Ray's dashboard") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterError(f"{what}: what listens there is not Ray's dashboard") from error
    except OSError as error:
        raise ClusterError(
            f"{what}: {_reason(error)}; start the cluster, or open a tunnel to its dashboard "
            "(`ray dashboard FILE.yaml`, `ssh -L 8265:localhost:8265 HEAD`)"
        ) from error
    except Exception as error:  # http.client has a family of its own for answers that are no HTTP
        raise ClusterError(f"{what}: what listens there is not Ray's dashboard") from error
    if tuple(map(int, version.split(".")[:2])) < (2, 60):
        raise ClusterError(f"{what}: the cluster runs Ray {version}; d2b_ray needs 2.60 or newer")
    return url


def _host_and_port(text: str, what: str, least: int = 0) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host and least:
        return text, 0
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ClusterError(f"{what}: expected HOST:PORT, such as head.lab:{CLUSTER_PORT}")
    return host.strip("[]"), int(port)


def _reason(error: OSError) -> str:
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return f"no answer within {PATIENCE_S:g} s"
    if isinstance(inner, ConnectionRefusedError):
        return "nobody listens there"
    return str(getattr(inner, "strerror", None) or inner)
