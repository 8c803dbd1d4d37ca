"""Is a correlation more than chance, how sure is it, how good could it be? No files, no ray."""

from d2b_ray.significance.bootstrap import Interval, bootstrap_difference, bootstrap_score
from d2b_ray.significance.ceilings import (
    ceiling_of,
    explainable_variance,
    intersubject_ceiling,
    noise_ceiling,
    normalised,
)
from d2b_ray.significance.comparison import (
    Paired,
    paired_flips,
    paired_t,
    score_difference,
    swap_null,
)
from d2b_ray.significance.null import block_null, merge
from d2b_ray.significance.orders import block_orders, row_orders
from d2b_ray.significance.parametric import parametric_p
from d2b_ray.significance.pvalues import PValues, correct, corrected_p, holm, p_values

__all__ = [
    "Interval",
    "PValues",
    "Paired",
    "block_null",
    "block_orders",
    "bootstrap_difference",
    "bootstrap_score",
    "ceiling_of",
    "correct",
    "corrected_p",
    "explainable_variance",
    "holm",
    "intersubject_ceiling",
    "merge",
    "noise_ceiling",
    "normalised",
    "p_values",
    "paired_flips",
    "paired_t",
    "parametric_p",
    "row_orders",
    "score_difference",
    "swap_null",
]
