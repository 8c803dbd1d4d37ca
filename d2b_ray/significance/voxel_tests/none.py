"""`test: none`: correlations are told without p-values."""

from __future__ import annotations

from d2b_ray.catalog.significance_tests import SignificanceTest

__all__ = ["TEST"]

TEST = SignificanceTest()
