"""Tests of a voxel's correlation, a file each: a null or a formula, its price, and `TEST`, its row.

Thin: they choose among the numeric functions of `significance`, which they import when they are
called. Their names stand in `catalog/significance_tests.py`.
"""
