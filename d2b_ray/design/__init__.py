"""Features on their clock -> design matrix: samples, delays, reduction, assembly of runs. No files."""

from d2b_ray.design.assemble import FeatureSpace, build_design, in_features
from d2b_ray.design.delayer import Delayer
from d2b_ray.design.delays import Delays, delay
from d2b_ray.design.reduce import Reduce
from d2b_ray.design.sampling import Sampling, to_scans

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
