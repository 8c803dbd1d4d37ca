"""What a worker must see before it is given a unit: data set, models, the root of this run, its GPU."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from d2b_ray.errors import D2BError
from d2b_ray.steps.device import DEVICE_VARIABLE, LOGICAL_GPUS, sees_gpu

if TYPE_CHECKING:
    from d2b_ray.steps.run_settings import RunSettings

__all__ = ["unseen"]


def unseen(settings: RunSettings) -> str:
    """What is not there for this process, in words; "" if it sees all that the driver sees.

    The output root is seen if the lease of this run is found there: an empty folder of the same name on
    a disk of the node's own is not it.
    """
    if "://" not in settings.dataset_root and not Path(settings.dataset_root).is_dir():
        return f"does not see the data set {settings.dataset_root}"
    for place in settings.models:
        if not Path(place).exists():
            return f"does not see the model {place}"
    if settings.fence is not None:
        try:
            settings.fence.check()
        except D2BError as error:
            return f"does not see the output root {settings.results} of this run ({error})"
    given = os.environ.get(DEVICE_VARIABLE) == "cuda"
    if given and not os.environ.get(LOGICAL_GPUS) and not sees_gpu():
        return (
            "was given a GPU that torch does not see; install a build of torch for it and its "
            f"driver, or, if the GPUs of the node are words only, set {LOGICAL_GPUS}=1 there"
        )
    return ""
