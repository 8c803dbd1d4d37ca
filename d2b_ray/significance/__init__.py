"""Is a correlation more than chance? Permutation nulls, p-values, corrections. No files, no ray."""

from d2b_ray.significance.null import block_null, merge
from d2b_ray.significance.orders import block_orders, row_orders
from d2b_ray.significance.pvalues import PValues, correct, p_values

__all__ = [
    "PValues",
    "block_null",
    "block_orders",
    "correct",
    "merge",
    "p_values",
    "row_orders",
]
