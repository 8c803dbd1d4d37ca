"""What a submitted job runs on the cluster: `python -m d2b_ray.job` is `d2b-ray run` there."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """`d2b-ray run` with this process's arguments; exit status 2 where the node lacks our packages."""
    # A job's driver is started with OMP_NUM_THREADS=1; units set their own number of threads.
    os.environ.pop("OMP_NUM_THREADS", None)
    try:
        from d2b_ray.cli.app import main as run
    except ImportError as error:
        sys.exit(_lacks(error))
    sys.argv[1:1] = ["run"]
    run()


def _lacks(error: ImportError) -> int:
    sys.stderr.write(
        f"d2b-ray: {sys.executable} of this cluster lacks a package ({error}): install those of "
        "constraints.txt, or start Ray with D2B_RAY_PYTHON=/the/environment/with/them/bin/python\n"
    )
    return 2


if __name__ == "__main__":
    main()
