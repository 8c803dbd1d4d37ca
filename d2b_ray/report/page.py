"""The page a person looks at: what was fitted, how well, what failed. One HTML file, no script."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from d2b_ray.report.notes import notes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

__all__ = ["page"]

MOST_CONTRASTS = 300  # more would not be read; all are in the table


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("d2b_ray.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html")


def page(
    fits: Sequence[Mapping[str, Any]],
    failures: Sequence[Mapping[str, Any]],
    contrasts: Sequence[Mapping[str, Any]],
    *,
    drawn: AbstractSet[str],
    figures: bool,
    regions: bool,
    methods: Sequence[str] = (),
    brains: Sequence[tuple[str, str]] = (),
) -> str:
    """HTML of the report. `fits` rows of fits.parquet; `failures` what was stored of failed units;
    `contrasts` rows of comparisons.parquet; `drawn` keys of fits that have a histogram; `methods` sentences;
    `brains` file and caption of maps.
    """
    over_subjects = [row for row in contrasts if row["subject"] is None]
    shown = (over_subjects or list(contrasts))[:MOST_CONTRASTS]
    ranked = sorted(fits, key=lambda fit: (-fit["mean_r"], fit["subject"], fit["folder"]))
    return _template().render(
        fits=ranked,
        failures=failures,
        contrasts=shown,
        contrasts_left=len(contrasts) - len(shown),
        notes=notes(fits),
        drawn=drawn,
        figures=figures,
        regions=regions,
        methods=methods,
        brains=brains,
        subjects=sorted({fit["subject"] for fit in fits}),
        models=sorted({fit["model"] for fit in fits}),
        annotations=sorted({fit["annotation"] for fit in fits}),
    )
