"""What is wanted: a sweep as a frozen, checked document. Knows no ray, no torch, no data."""

from d2b_ray.spec.closed import Closed
from d2b_ray.spec.comparisons import Comparison, FitWords
from d2b_ray.spec.dataset import DatasetBlock
from d2b_ray.spec.features import AnyFeatures, FeatureBlock
from d2b_ray.spec.fits import (
    Alphas,
    AnyFit,
    BandedFit,
    BandSource,
    Delays,
    Reduction,
    RidgeFit,
    Search,
)
from d2b_ray.spec.load import load, parse, to_yaml
from d2b_ray.spec.significance import Bootstrap, SignificanceBlock
from d2b_ray.spec.sweep import (
    ExtractResources,
    FitResources,
    OutputBlock,
    PermuteResources,
    ResourcesBlock,
    Sweep,
)

__all__ = [
    "Alphas",
    "AnyFeatures",
    "AnyFit",
    "BandSource",
    "BandedFit",
    "Bootstrap",
    "Closed",
    "Comparison",
    "DatasetBlock",
    "Delays",
    "ExtractResources",
    "FeatureBlock",
    "FitResources",
    "FitWords",
    "OutputBlock",
    "PermuteResources",
    "Reduction",
    "ResourcesBlock",
    "RidgeFit",
    "Search",
    "SignificanceBlock",
    "Sweep",
    "load",
    "parse",
    "to_yaml",
]
