"""How many cores and GPUs a cluster has: told as a list, or by the file that starts it. Pure.

A list names like machines with `x`: `4x8+1` is four machines of 8 cores and a GPU each, `8x16` eight of 16
cores. A file of `ray up` may grow to `max_workers` of each type, and to its own `max_workers` of all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from d2b_ray.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Machines", "machines_of_cluster", "machines_of_text"]

LIKE = re.compile(r"(\d+)x(\d+)(?:\+(\d+))?")


class Machines(NamedTuple):
    """Numbers of machines that run units, and what they have in all."""

    nodes: int
    cpus: int
    gpus: int


def machines_of_text(text: str) -> Machines:
    """`4x8+1,8x16`: COUNTxCORES[+GPUS], separated by commas.

    Raises
    ------
    SpecError
        if it is something else, or has no core.
    """
    found = [LIKE.fullmatch(part.strip()) for part in text.split(",")]
    if not all(found):
        raise SpecError(
            f"--on {text}: neither a cluster's .yaml nor machines; allowed: COUNTxCORES[+GPUS], separated by "
            "commas, such as 4x8+1,8x16 (four machines of 8 cores and a GPU, eight of 16 cores)"
        )
    likes = [tuple(int(number or 0) for number in match.groups()) for match in found if match]
    return _sum(likes, f"--on {text}")


def machines_of_cluster(config: Any, name: str) -> Machines:
    """All workers that a file of `ray up` may start; the head too, where it has cores for units.

    Raises
    ------
    SpecError
        if it is no such file, or does not say what its machines have.
    """
    types = config.get("available_node_types") if isinstance(config, dict) else None
    if not isinstance(types, dict):
        raise SpecError(
            f"--on {name}: no available_node_types, which say what its machines have; tell them by hand, "
            "such as --on 2x16+1 (two machines of 16 cores and a GPU)"
        )
    head, most = config.get("head_node_type"), int(config.get("max_workers", 2))
    heads = [(1, *_has(types[head], f"{name}: {head}"))] if head in types else []
    workers = [
        (int(kind.get("max_workers", most)), *_has(kind, f"{name}: {word}"))
        for word, kind in types.items()
        if word != head
    ]
    workers.sort(key=lambda like: like[2], reverse=True)  # GPUs first, where all together are fewer
    allowed: list[tuple[int, ...]] = []
    for count, cpus, gpus in workers:
        taken = min(count, most)
        most -= taken
        allowed.append((taken, cpus, gpus))
    return _sum([*(like for like in heads if like[1]), *allowed], f"--on {name}")


def _has(kind: Mapping[str, Any], where: str) -> tuple[int, int]:
    resources = kind.get("resources") or {}
    if "CPU" not in resources:
        raise SpecError(
            f"--on {where}: its resources do not say how many cores it has; write "
            'resources: {"CPU": 8, "GPU": 1}, '
            "or tell the machines by hand, such as --on 4x8+1"
        )
    return int(resources["CPU"]), int(resources.get("GPU", 0))


def _sum(likes: list[tuple[int, ...]], where: str) -> Machines:
    nodes = sum(count for count, _, _ in likes)
    cpus = sum(count * cpus for count, cpus, _ in likes)
    gpus = sum(count * gpus for count, _, gpus in likes)
    if not cpus:
        raise SpecError(f"{where}: no core that could run a unit")
    return Machines(nodes, cpus, gpus)
