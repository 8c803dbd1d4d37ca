"""Features on their clock -> design matrix: samples, delays, reduction, assembly of runs. No files.

`Delayer` is imported when it is asked for: scikit-learn costs a worker, which has no need of it, a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.design.assemble import FeatureSpace, build_design, in_features
from d2b_ray.design.delays import Delays, delay
from d2b_ray.design.reduce import Reduce
from d2b_ray.design.sampling import Sampling, to_scans

if TYPE_CHECKING:
    from d2b_ray.design.delayer import Delayer

__all__ = [
    "Delayer",
    "Delays",
    "FeatureSpace",
    "Reduce",
    "Sampling",
    "build_design",
    "delay",
    "in_features",
    "to_scans",
]


def __getattr__(name: str) -> Any:
    """The transformer from its module, imported now."""
    if name == "Delayer":
        from d2b_ray.design.delayer import Delayer

        return Delayer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
