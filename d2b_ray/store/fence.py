"""The right to write below a root: every write looks first whether another run has taken over."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from d2b_ray.errors import LeaseError
from d2b_ray.store.drives import open_drive
from d2b_ray.store.faults import as_store_error

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Fence", "newest"]

GENERATION = re.compile(r"lease/(?P<number>\d{6})\.json")


def newest(paths: Iterable[str]) -> int:
    """The highest generation among the files of `lease/`; 0 if there is none."""
    found = (GENERATION.fullmatch(path) for path in paths)
    return max((int(name["number"]) for name in found if name), default=0)


@dataclass(frozen=True, slots=True)
class Fence:
    """The right of one generation to write below a root. Picklable; goes to every worker."""

    root: str
    generation: int

    def check(self) -> None:
        """LeaseError if another generation has taken over; one listing."""
        with as_store_error(self.root):
            last = newest(open_drive(self.root, {}).walk("lease/"))
        if last == 0:
            raise LeaseError(
                f"{self.root}: its folder lease/ is gone, or not seen from this machine; nothing more is "
                "written here. Is the disk mounted, and the same on all machines? Was the folder removed?"
            )
        if last != self.generation:
            raise LeaseError(
                f"{self.root}: another run has taken over (lease {last}, ours was "
                f"{self.generation}), for ours gave no sign of life; nothing more is written here; "
                "d2b-ray status tells how the other stands"
            )
