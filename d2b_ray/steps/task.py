"""What goes into a step and what comes back: a task, and a report. Small, picklable, no arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.plan import Unit
    from d2b_ray.schedule.policy import Failure
    from d2b_ray.steps.parts import Tile

__all__ = ["Readers", "Report", "Task"]


@dataclass(frozen=True, slots=True)
class Readers:
    """`nulls` of a fit, which a GPU draws with it; and whether anyone else `reads_prediction`.

    `tiles` of voxels in which its series are handed on, apart from the rest (`parts`); none: all in one.
    """

    nulls: tuple[Unit, ...]
    reads_prediction: bool
    tiles: tuple[Tile, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A unit with what this try needs to know.

    `roots` store URL of each feature key that the unit reads; `fingerprints` of the unit's inputs
    by name, and their digest `inputs`; `layers` still to be extracted. `readers` of what a fit
    predicts.
    """

    unit: Unit
    attempt: int = 1
    memory_factor: float = 1.0
    roots: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    inputs: str = ""
    layers: tuple[int, ...] = ()
    readers: Readers | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the driver learns of a finished try: small, whatever the unit computed."""

    key: str
    started: float  # Unix time, s
    seconds: float
    host: str
    device: str
    attempt: int
    failure: Failure | None = None
    process: int = 0
    gpu_peak_bytes: int = 0
    value_bytes: int = 0  # of a fit: what its value takes, which may be less than was reckoned with
