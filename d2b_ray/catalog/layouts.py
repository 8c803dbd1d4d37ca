"""The table of layouts: how the files of a data set lie. A layout is one file and a row here.

To add one, copy `d2b_ray/data/arrays_layout.py` and enter it below; from another package, name it in
the entry point group `d2b_ray.layouts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from d2b_ray.catalog.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Layout: TypeAlias = Callable[[Path], Any]

__all__ = ["LAYOUTS"]

LAYOUTS: Table[Layout] = Table(
    "layout",
    "d2b_ray.layouts",
    {
        "drama2brain": "d2b_ray.data.drama2brain:DramaDataset",
        "arrays": "d2b_ray.data.arrays_layout:ArraysDataset",
        "openneuro": "d2b_ray.data.openneuro:OpenNeuroDataset",
        "bids": "d2b_ray.data.bids:BidsDataset",
    },
)
"""f(folder, **options) -> a data set with all that `data.Dataset` has; opening it reads small files only.

Its attribute `options`, if it has one, names the keys of `dataset` that it takes: tr_s, run_table ..."""
