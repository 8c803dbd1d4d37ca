"""Entry point for a submitted job: takes the arguments of `d2b-ray run`.

    ray job submit --working-dir . -- python jobs/run_sweep.py jobs/demo.yaml

Relative paths in the sweep start at `$D2B_RAY_BASE`, to be
set where the cluster is started: the job's own folder is a temporary copy.
"""

import sys
from pathlib import Path

# The copy of the checkout that Ray unpacked is the code to run, on the driver and on every worker.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from d2b_ray.job import main

if __name__ == "__main__":
    main()
