"""What a submitted job runs on the cluster: `python -m d2b_ray.cli.job` is `d2b-ray run` there."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """`d2b-ray run` with this process's arguments."""
    # A job's driver is started with OMP_NUM_THREADS=1; units set their own number of threads.
    os.environ.pop("OMP_NUM_THREADS", None)
    from d2b_ray.cli.app import main as run

    sys.argv[1:1] = ["run"]
    run()


if __name__ == "__main__":
    main()
