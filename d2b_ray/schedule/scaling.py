"""A cluster that grows and shrinks by itself: what more to ask of it, and whom it can do without. Pure.

Asked for are workers, not nodes: as actors that wait for a place, from which the cluster's own
autoscaler, whichever it is, sees what node would do. A lane asks for no more at a time than it has
(`FEW` at first), so that a thousand fits do not ask for a thousand GPUs before one has been seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from d2b_ray.schedule.lanes import Demand, WorkerShape

__all__ = ["FEW", "dispensable", "more_workers"]

FEW = 2  # workers of a lane that are asked for while none stands


def more_workers(
    lanes: Iterable[WorkerShape],
    demand: Demand,
    there: Mapping[str, int],
    standing: Mapping[str, int],
) -> Iterator[WorkerShape]:
    """Workers to ask for beside those that are `there` by lane, of which so many are `standing`."""
    for shape in lanes:
        have, stand = there.get(shape.lane, 0), standing.get(shape.lane, 0)
        most = min(demand.most(shape.kinds), stand + max(FEW, stand))
        yield from [shape] * (most - have)


def dispensable(shape: WorkerShape, demand: Demand, there: Mapping[str, int]) -> bool:
    """Whether a lane has more workers than there are units left for them: this one may go."""
    return there.get(shape.lane, 0) > demand.most(shape.kinds)
