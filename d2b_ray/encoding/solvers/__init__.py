"""Solvers, a file each, in the same parts: prepare, solve, what else it offers, and `SOLVER`, its row.

Thin: they choose among the numeric functions of `encoding`, which they import when they are called.
Their names stand in `catalog/solvers.py`.
"""
