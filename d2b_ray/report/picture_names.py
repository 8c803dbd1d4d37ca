"""The pictures that a page may have beside it, by name; nothing that draws is imported for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.store import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.store import Store

__all__ = ["FIGURES", "OF_SURFACES", "OF_VOLUMES", "remove_pictures"]

FIGURES = ("layers", "levels", "regions", "bands", "weights", "sound")
OF_VOLUMES, OF_SURFACES = ("slices", "glass"), ("inflated", "flat")


def remove_pictures(store: Store, fits: Sequence[Mapping[str, Any]]) -> None:
    """Those of an earlier page, which this one does not show; no other file beside it."""
    ours = {Layout.figure(name, kind) for name in FIGURES for kind in ("svg", "csv")}
    views = (*OF_VOLUMES, *OF_SURFACES)
    ours |= {Layout.brain(fit["subject"], view) for fit in fits for view in views}
    for path in ours.intersection(store.list(f"{Layout.REPORT.rpartition('/')[0]}/")):
        store.remove(path)
