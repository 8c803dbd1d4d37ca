"""The page a person looks at: what was fitted, how well, what failed. One HTML file that needs no network.

A long table of fits is sorted and searched by DataTables, which lies in it; without scripts it is a table.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from d2b_ray.report.costs import cost_rows, when_and_where
from d2b_ray.report.notes import notes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from d2b_ray.report.brains import Brain

__all__ = ["page"]

FEW_FITS = 20  # that are read at a glance
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
    name: str = "",
    top_tests: Sequence[Mapping[str, Any]] = (),
    figures: Mapping[str, bytes] | None = None,
    variants: int = 1,
    methods: Sequence[str] = (),
    brains: Sequence[Brain] = (),
    sound: Sequence[Mapping[str, Any]] = (),
    generalised: Sequence[Mapping[str, Any]] = (),
    moments: Sequence[Mapping[str, Any]] = (),
    records: Sequence[Mapping[str, Any]] = (),
) -> str:
    """HTML of the report. `fits` rows of fits.parquet; `failures` what was stored of failed units;
    `contrasts` rows of comparisons.parquet; `drawn` keys of fits that have a histogram; `name` of the sweep;
    `figures` name -> SVG; `variants` most fits that one line of the profiles was chosen of; `methods`
    sentences; `brains` maps; `top_tests` rows of top_voxels_tests.parquet;
    `sound` rows of `soundness.sound_table`; `generalised` rows of generalisation.parquet, `moments` of
    weights_pca_moments.parquet; `records` of units, for what it cost.
    """
    over_subjects = [row for row in contrasts if row["subject"] is None]
    shown = (over_subjects or list(contrasts))[:MOST_CONTRASTS]
    ranked = sorted(fits, key=lambda fit: (-fit["mean_r"], fit["subject"], fit["folder"]))
    many = len(ranked) > FEW_FITS
    return _template().render(
        fits=ranked,
        failures=failures,
        contrasts=shown,
        contrasts_left=len(contrasts) - len(shown),
        notes=notes(fits),
        drawn=drawn,
        name=name,
        figures={key: Markup(_inline(svg)) for key, svg in (figures or {}).items()},  # ours
        variants=variants,
        top_tests=top_tests[:MOST_CONTRASTS],
        methods=methods,
        sound=sound,
        generalised=generalised[:MOST_CONTRASTS],
        moments=moments[:MOST_CONTRASTS],
        ran=when_and_where(records),
        costs=cost_rows(records)[:MOST_CONTRASTS],
        brains=[
            ([_data_uri(one, "image/png") for one in b.pictures.values()], b.caption, b.document)
            for b in brains
        ],
        subjects=sorted({fit["subject"] for fit in fits}),
        models=sorted({fit["model"] for fit in fits}),
        annotations=sorted({fit["annotation"] for fit in fits}),
        tables=_tables() if many else None,
    )


def _inline(svg: bytes) -> str:
    """An SVG without what stands before its first tag."""
    text = svg.decode()
    return text[text.index("<svg") :]


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


@cache
def _tables() -> dict[str, Any]:
    """DataTables as itables bundles it, for pages whose table is long: it works without a network."""
    folder = files("itables") / "html"
    return {
        "style": Markup((folder / "dt_bundle.css").read_text(encoding="utf-8")),
        "script": _data_uri((folder / "dt_bundle.js").read_bytes(), "text/javascript"),
    }
