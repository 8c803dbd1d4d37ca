"""Presets: ordinary options filled in where a sweep says nothing. They hold no behaviour.

Those of features stand with the options of each modality (`FeatureBlock.of_preset`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from d2b_ray.spec.closed import Closed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from d2b_ray.spec.fits import AnyFit, Delays
    from d2b_ray.spec.sweep import Sweep

__all__ = ["filled"]

Block = TypeVar("Block", bound=Closed)

SIGNIFICANCE: dict[str, dict[str, Any]] = {
    "drama2brain": {
        "test": "block",
        "block_trs": 10,
        "autocorrelation": "blocks",
        "permutations": 1,
        "null": "pooled",
        "correction": "fdr_bh",
        "level": 0.05,
        "seed": 42,
        "rule": "drama2brain",
        "rng": "legacy",
    },
}


FITS: dict[str, dict[str, Any]] = {"drama2brain": {"intercept": "none"}}


def filled(sweep: Sweep) -> Sweep:
    """The sweep with its preset applied; options that were set by hand stay as they are."""
    if sweep.preset is None:
        return sweep
    features = {
        name: _fill(block, block.of_preset(sweep.preset)) for name, block in sweep.features.items()
    }
    fits = tuple(part for fit in sweep.fits for part in _filled_fits(fit, sweep.preset))
    significance = _fill(sweep.significance, SIGNIFICANCE[sweep.preset])
    return sweep.model_copy(
        update={"features": features, "fits": fits, "significance": significance}
    )


def _fill(block: Block, options: Mapping[str, Any]) -> Block:
    missing = {key: options[key] for key in options if key not in block.model_fields_set}
    return block.model_copy(update=missing)


def _filled_fits(fit: AnyFit, preset: str) -> Iterator[AnyFit]:
    """drama2brain delays whole videos, but single runs once the features were reduced.

    An entry that has both kinds of reduction becomes two entries.
    """
    plain = tuple(entry for entry in fit.reduce if entry.as_plain() == "none")
    reduced = tuple(entry for entry in fit.reduce if entry.as_plain() != "none")
    fit = _fill(fit, FITS[preset])
    if all("boundary" in entry.model_fields_set for entry in fit.delays):
        yield fit
        return
    for reductions, boundary in ((plain, "video"), (reduced, "run")):
        if reductions:
            delays = tuple(_fill_delays(entry, boundary) for entry in fit.delays)
            yield fit.model_copy(update={"reduce": reductions, "delays": delays})


def _fill_delays(entry: Delays, boundary: str) -> Delays:
    return _fill(entry, {"boundary": boundary})
