"""Doing the work of a plan: steps, the state machine, and the engines that run them.

Import what you need from its module: `session` is the entrance; `actors` and `driver` import ray.
"""
