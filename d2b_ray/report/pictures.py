"""The pictures of a page, written beside it: figures with the numbers they show, and maps of brains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.report.brains import best_brains
from d2b_ray.report.figures import (
    band_bars,
    component_bars,
    layer_curves,
    level_map,
    region_dots,
)
from d2b_ray.report.maps import map_values
from d2b_ray.report.overview import (
    band_shares,
    best_layers,
    csv_bytes,
    layer_profiles,
    region_scores,
)
from d2b_ray.report.picture_names import FIGURES
from d2b_ray.report.sound_figure import sound_panels
from d2b_ray.report.soundness import MOST_SUBJECTS, best_fits, sound_rows
from d2b_ray.store import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.report.brains import Brain
    from d2b_ray.store import Store, Written

__all__ = ["drawn_brains", "drawn_figures"]

DRAW = dict(
    zip(
        FIGURES,
        (layer_curves, level_map, region_dots, band_bars, component_bars, sound_panels),
        strict=True,
    )
)


def drawn_brains(
    store: Store, fits: Sequence[Mapping[str, Any]], written: dict[str, Written]
) -> list[Brain]:
    """Maps of the best fit of each subject; writes their pictures."""
    brains = best_brains(store, fits)
    for subject, brain in brains.items():
        for view, picture in brain.pictures.items():
            path = Layout.brain(subject, view)
            written[path] = store.write_bytes(path, picture)
    return list(brains.values())


def drawn_figures(
    store: Store,
    fits: Sequence[Mapping[str, Any]],
    summaries: Sequence[Mapping[str, Any]],
    components: Sequence[dict[str, Any]],
    written: dict[str, Written],
) -> dict[str, tuple[bytes, list[dict[str, Any]]]]:
    """Name -> SVG, and the rows that it shows, of those that have anything to show; writes both."""
    rows = _shown(fits, summaries, components, _sound(store, fits, summaries))
    found = {name: (DRAW[name](shown), shown) for name, shown in rows.items()}
    for name, (content, shown) in found.items():
        for path, made in (
            (Layout.figure(name), content),
            (Layout.figure(name, "csv"), csv_bytes(shown)),
        ):
            written[path] = store.write_bytes(path, made)
    return found


def _shown(
    fits: Sequence[Mapping[str, Any]],
    summaries: Sequence[Mapping[str, Any]],
    components: Sequence[dict[str, Any]],
    sound: Sequence[dict[str, Any]],
) -> dict[str, list[dict[str, Any]]]:
    """Name -> rows that a figure shows; none where there is nothing to show."""
    profiles = layer_profiles(fits)
    rows = {
        "layers": profiles,
        "levels": best_layers(profiles),
        "regions": region_scores(summaries),
        "bands": band_shares(summaries),
        "weights": list(components),
        "sound": list(sound),
    }
    return {name: found for name, found in rows.items() if found}


def _sound(
    store: Store, fits: Sequence[Mapping[str, Any]], summaries: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of the figure of soundness, of the best fit of each subject that has a table of voxels."""
    lags = {one["fit"]: one.get("autocorrelation", {}).get("lags", ()) for one in summaries}
    rows = []
    for subject, fit in best_fits(fits, MOST_SUBJECTS).items():
        path = Layout.voxels(subject, fit["fit"])
        if store.exists(path):
            columns = ("r", "alpha", "p", "significant")
            voxels = {name: map_values(store, fit, name) for name in columns}
            rows += sound_rows(fit, voxels, lags[fit["fit"]])
    return rows
