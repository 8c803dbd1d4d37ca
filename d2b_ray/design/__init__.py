"""Features a second -> design matrix: delays, reduction, assembly of runs. Pure arrays, no files."""

from d2b_ray.design.assemble import FeatureSpace, build_design, in_features
from d2b_ray.design.delays import Delays, delay
from d2b_ray.design.reduce import Reduce

__all__ = ["Delays", "FeatureSpace", "Reduce", "build_design", "delay", "in_features"]
