"""How long a plan takes on so many GPUs and CPUs, and which of them it waits for. Pure.

A bound from below of what the lanes do side by side: every worker busy, nothing waits for its needs but for
the responses, which are read before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from d2b_ray.schedule.lanes import GPU_KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.plan import Estimate

__all__ = ["Forecast", "forecast"]


class Forecast(NamedTuple):
    """Seconds in all, what they are spent on ("GPUs" or "CPUs"), and the kind that takes most of these."""

    seconds: float
    bound_by: str
    kind: str


def forecast(
    on_cpu: Sequence[Estimate],
    on_gpu: Sequence[Estimate],
    *,
    gpus: int,
    cpus: int,
    nulls_on_gpu: bool = False,
    reading: float = 0.0,
) -> Forecast:
    """Of estimates for a core and for a GPU; without GPUs the cores do everything.

    `nulls_on_gpu`: fits on a GPU draw their nulls there. `reading`: seconds until responses are read.
    """
    kinds = GPU_KINDS | ({"null"} if nulls_on_gpu else set())
    by_gpu = {e.kind: e.seconds / gpus for e in on_gpu if e.kind in kinds} if gpus else {}
    by_cpu = {e.kind: e.seconds / cpus for e in on_cpu if e.kind not in by_gpu}
    lanes = {"GPUs": by_gpu, "CPUs": by_cpu}
    bound_by = max(lanes, key=lambda lane: sum(lanes[lane].values()))
    spent = lanes[bound_by]
    return Forecast(
        reading + sum(spent.values()), bound_by, max(spent, key=spent.__getitem__, default="")
    )
