"""The command line: `d2b-ray check | plan | run | submit | stop | status | demo-data`."""

from d2b_ray.cli.app import main

__all__ = ["main"]
