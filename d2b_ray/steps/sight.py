"""What a worker must see before it is given a unit: the data set, and the root that the run has claimed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from d2b_ray.errors import D2BError

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
    if settings.fence is not None:
        try:
            settings.fence.check()
        except D2BError as error:
            return f"does not see the output root {settings.results} of this run ({error})"
    return ""
