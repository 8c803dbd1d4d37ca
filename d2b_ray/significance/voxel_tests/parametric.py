"""`test: parametric`: the t-test with effective degrees of freedom, a formula without permutations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.significance_tests import SignificanceTest
from d2b_ray.significance.operations import fourier_flops

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray

__all__ = ["TEST", "p_values"]


def p_values(
    prediction: FloatArray, response: FloatArray, options: Mapping[str, Any]
) -> NDArray[np.float64]:
    """One-sided p-values of correlations above 0."""
    from d2b_ray.significance import parametric_p

    return parametric_p(prediction, response)[0]


TEST = SignificanceTest(p_values=p_values, flops=fourier_flops)
