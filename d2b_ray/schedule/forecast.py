"""How long a plan takes on so many GPUs and CPUs, and which of them it waits for. Pure.

A bound from below of what the lanes do side by side: every worker busy, nothing waits for its needs.
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
    on_cpu: Sequence[Estimate], on_gpu: Sequence[Estimate], *, gpus: int, cpus: int
) -> Forecast:
    """Of estimates for a core and for a GPU; without GPUs the cores do everything."""
    by_gpu = {e.kind: e.seconds / gpus for e in on_gpu if e.kind in GPU_KINDS} if gpus else {}
    by_cpu = {e.kind: e.seconds / cpus for e in on_cpu if e.kind not in by_gpu}
    lanes = {"GPUs": by_gpu, "CPUs": by_cpu}
    bound_by = max(lanes, key=lambda lane: sum(lanes[lane].values()))
    kinds = lanes[bound_by]
    return Forecast(sum(kinds.values()), bound_by, max(kinds, key=kinds.__getitem__, default=""))
