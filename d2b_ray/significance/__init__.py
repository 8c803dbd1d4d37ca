"""Is a correlation more than chance, how sure is it, how good could it be? No files, no ray.

A name is imported when it is asked for, so that a plan can ask a test what it costs without numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from d2b_ray.significance.null import block_null
    from d2b_ray.significance.orders import block_orders, row_orders
    from d2b_ray.significance.parametric import parametric_p
    from d2b_ray.significance.pvalues import PValues, correct, corrected_p, holm, p_values
    from d2b_ray.significance.tally import merge
    from d2b_ray.significance.white_noise import noise_null

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
    "noise_null",
    "normalised",
    "p_values",
    "paired_flips",
    "paired_t",
    "parametric_p",
    "row_orders",
    "score_difference",
    "swap_null",
]

HOMES = {
    "bootstrap": ("Interval", "bootstrap_difference", "bootstrap_score"),
    "ceilings": (
        "ceiling_of",
        "explainable_variance",
        "intersubject_ceiling",
        "noise_ceiling",
        "normalised",
    ),
    "comparison": ("Paired", "paired_flips", "paired_t", "score_difference", "swap_null"),
    "null": ("block_null",),
    "orders": ("block_orders", "row_orders"),
    "parametric": ("parametric_p",),
    "pvalues": ("PValues", "correct", "corrected_p", "holm", "p_values"),
    "tally": ("merge",),
    "white_noise": ("noise_null",),
}


def __getattr__(name: str) -> Any:
    """The name from its module, imported now."""
    for module, names in HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
