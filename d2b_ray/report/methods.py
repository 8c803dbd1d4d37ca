"""The paragraph of methods: what was done, in words for a paper, of the sweep as run and its fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["methods"]

CORRECTIONS = {
    "fdr_bh": "for the false discovery rate (Benjamini & Hochberg, 1995)",
    "fdr_by": "for the false discovery rate under dependence (Benjamini & Yekutieli, 2001)",
    "max": "family-wise, by the largest value over voxels (Westfall & Young, 1993)",
}
KINDS = {
    "ridge": "ridge regression (Hoerl & Kennard, 1970)",
    "banded": "banded ridge regression (Nunez-Elizalde et al., 2019; Dupré la Tour et al., 2022)",
}


def methods(sweep: Mapping[str, Any], fits: Sequence[Mapping[str, Any]], version: str) -> list[str]:
    """Sentences, of `sweep` as sweep.yaml has it and rows of fits.parquet; none without fits."""
    if not fits:
        return []
    return [
        _data(fits),
        _features(sweep),
        *_fits(sweep, fits),
        *_significance(sweep["significance"], fits),
        f"Computed with d2b_ray {version}, sweep {sweep['name']}.",
    ]


def _data(fits: Sequence[Mapping[str, Any]]) -> str:
    subjects = sorted({fit["subject"] for fit in fits})
    voxels = _range(fit["voxels"] for fit in fits)
    train, valid = (_range(fit[name] for fit in fits) for name in ("samples", "validation_samples"))
    treated = sorted({fit["responses"] for fit in fits if fit["responses"]})
    trs = _range(fit["tr_s"] for fit in fits)
    count = "one subject" if len(subjects) == 1 else f"{len(subjects)} subjects"
    words = f"Responses of {count} ({voxels} voxels each; TR {trs} s"
    if treated and treated != ["as they are"]:
        words += f"; {' or '.join(treated)}"
    split = f"{train} samples for training and {valid} for validation"
    return f"{words}) were predicted from features of what was presented, {split}."


def _features(sweep: Mapping[str, Any]) -> str:
    told = []
    for block in sweep["features"].values():
        kind = block["modality"]
        words = f"{kind} ({_list(block['model'])})"
        if block.get("annotation"):
            words += f" on {_list(block['annotation'])}"
        layers = block.get("layers")
        if isinstance(layers, list):
            words += f" (layer{'s' if len(layers) > 1 else ''} {_list(layers)})"
        told.append(words)
    return f"The feature spaces were {'; '.join(told)}."


def _fits(sweep: Mapping[str, Any], fits: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    folds = _range(fit["folds"] for fit in fits)
    for kind in dict.fromkeys(fit["kind"] for fit in sweep["fits"]):
        own = [fit for fit in sweep["fits"] if fit["kind"] == kind]
        delays = sorted({_delay(one) for fit in own for one in fit["delays"]})
        alphas = [_alphas(fit["alphas"]) for fit in own]
        yield (
            f"Each voxel was fitted by {KINDS[kind]}, with features delayed by {_list(delays)}. "
            f"Penalties were chosen a voxel, from {_list(dict.fromkeys(alphas))}, by the mean correlation "
            f"over {folds} folds, each of which held out a group of runs."
        )
        if kind == "banded":
            count = own[0]["search"]["n_iter"]
            nuisance = {
                n for fit in own for n, band in fit["bands"].items() if band.get("nuisance")
            }
            if nuisance:
                yield (
                    f"{'Bands' if len(nuisance) > 1 else 'Band'} {_list(sorted(nuisance))} took part in the "
                    "fit as nuisance and were set to their mean in what was predicted."
                )
            yield f"Weights of bands were searched among {count:,} draws of a Dirichlet distribution."
    yield "Scores r are correlations (Pearson) of prediction and response in the validation runs."


def _significance(block: Mapping[str, Any], fits: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if block["test"] == "none":
        return
    level = f"at {block['level']:g}"
    if block["test"] == "parametric":
        how = "a t-test with effective degrees of freedom (Bartlett, 1935; Afyouni et al., 2019)"
    elif block["test"] == "block":
        lengths = _range(fit["block_trs"] for fit in fits)
        how = f"{block['permutations']:,} permutations of blocks of {lengths} TRs of the measured response"
        if block["autocorrelation"] == "corrected":
            how += ", the null widened by the autocorrelation that blocks miss"
        if block["within_runs"]:
            how += ", within runs"
    else:
        how = f"{block['permutations']:,} draws of test {block['test']}"
    yield (
        f"Their significance was tested by {how}; p-values were corrected over voxels "
        f"{CORRECTIONS[block['correction']]} {level}."
    )
    if block.get("bootstrap"):
        own = block["bootstrap"]
        length = own["block_trs"]
        words = "a fortieth of the validation samples" if length == "auto" else f"{length} TRs"
        yield (
            f"Intervals hold {own['level']:.0%} of {own['samples']:,} bootstrap samples of blocks of "
            f"{words} (Künsch, 1989)."
        )
    if block["ceiling"] == "subjects":
        yield "Noise ceilings are correlations of a voxel with the mean of the other subjects."
    elif block["ceiling"] == "repeats":
        yield "Noise ceilings come from repeated presentations (Schoppe et al., 2016)."


def _delay(one: Mapping[str, Any]) -> str:
    unit = "TRs" if one.get("unit") == "trs" else "s"
    how = "side by side" if one["combine"] == "concat" else "averaged"
    return f"{one['start']:g} to {one['end']:g} {unit} ({how})"


def _alphas(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} values from {min(value):g} to {max(value):g}"
    return f"{value['count']} values from 10^{value['start_log10']:g} to 10^{value['stop_log10']:g}"


def _list(values: Any) -> str:
    """`a, b and c`; a single value as it is."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        return str(values)
    words = [str(value).rstrip("/").rpartition("/")[2] for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _range(values: Iterable[Any]) -> str:
    """`a` or `a to b` of numbers, those that are there."""
    found = sorted({value for value in values if value is not None})
    if not found:
        return "unknown"
    ends = [
        f"{value:,}" if isinstance(value, int) else f"{value:g}" for value in (found[0], found[-1])
    ]
    return ends[0] if len(found) == 1 else f"{ends[0]} to {ends[1]}"
