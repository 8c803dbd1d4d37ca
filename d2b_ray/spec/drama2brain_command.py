"""The command line of drama2brain's `run_training_encoder`, unchanged, as a sweep with a comment a key.

| argument | key of the sweep |
| --- | --- |
| --subject_name S ... | dataset.subjects |
| --dataset all, splitA, splitB | dataset.split |
| --modalities M ... | modality of a feature block, one an entry |
| --modality_hparams H ... | its annotation, window, tokens, annotators, out of `story_cw1_avgToken_ALL` |
| --feat_names F ... | model of that block |
| --select_layers all, L ... | layers; of several bands one each |
| --time_delays START END | fits.0.delays, in seconds |
| --reg_type mono, multi | fits.0.kind: ridge, banded |
| --reduce_dim default None, pca K, srp EPS | fits.0.reduce |
| --perm_type block, gauss | significance.test |
| --n_iter N | fits.0.search.n_iter (banded) |
| --save_pred | output.save: predictions |
| --device N | nothing: GPUs are found |

The three lists are parallel. All else is what `preset: drama2brain` fills in.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from d2b_ray.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["OldParser", "Target", "reduced", "sweep_text"]

TOKENS = {"avgToken": "avg", "flatToken": "flat", "lastToken": "last"}
WINDOW = re.compile(r"cw(\d+)")
NAMES = {
    "vl": "vision_language",
    "vision-language": "vision_language",
    "vision_semantic": "vision_language",
}
WIDE = 10_000  # columns that flattened pictures and sound are projected to


@dataclass(frozen=True, slots=True)
class Target:
    """What the old command did not say: where data lie and results go, other names for models."""

    root: str = "data/drama"
    output: str = "results"
    aliases: Mapping[str, str] | None = None


class OldParser(argparse.ArgumentParser):
    """Arguments of an old program; SpecError, one line, instead of an exit."""

    def error(self, message: str) -> NoReturn:
        raise SpecError(f"from-drama2brain: {message}")


def sweep_text(words: Sequence[str], target: Target) -> str:
    """YAML of the sweep that an old command line stands for. SpecError, one line, for what is not known.

    Of the commands that made features: a sweep without fits.
    """
    from d2b_ray.spec.drama2brain_features import MAKERS, features_text

    words = [word for word in words if word not in ("python", "python3", "-m")]
    program = words[0].rpartition(".")[2] if words and not words[0].startswith("-") else ""
    if program in MAKERS:
        return features_text(program, words[1:], target)
    return _fits_text(words, target)


def _fits_text(words: Sequence[str], target: Target) -> str:
    """That of `run_training_encoder`."""
    given = _parsed(words)
    names = {
        "--modalities": given.modalities,
        "--modality_hparams": given.modality_hparams,
        "--feat_names": given.feat_names,
    }
    count = len(given.feat_names)
    for name, values in names.items():
        if len(values) != count:
            raise SpecError(
                f"from-drama2brain: {name} has {len(values)} entries and --feat_names {count}; the lists "
                "are parallel"
            )
    banded = given.reg_type == "multi"
    if banded and count < 2:
        raise SpecError("from-drama2brain: --reg_type multi needs two features or more; got 1")
    layers = _layers(given.select_layers, count if banded else None)
    entries = zip(given.modalities, given.modality_hparams, given.feat_names, strict=True)
    blocks = [
        _block(modality, hparams, model, layers[n if banded else 0], target.aliases or {})
        for n, (modality, hparams, model) in enumerate(entries)
    ]
    lines = ["# made of the command line of drama2brain", "name: drama2brain", ""]
    lines += ["preset: drama2brain  # options that are not named here are those of the paper", ""]
    lines += ["dataset:", "  layout: drama2brain", f"  root: {target.root}"]
    lines += [f"  subjects: [{', '.join(given.subject_name)}]  # --subject_name"]
    lines += [f"  split: {given.dataset}  # --dataset", "", "features:"]
    for number, block in enumerate(blocks, start=1):
        lines.append(f"  band{number}:" if banded else f"  feature{number}:")
        lines += [f"    {line}" for line in block]
    start, end = given.time_delays
    lines += [
        "",
        "fits:",
        f"  - kind: {'banded' if banded else 'ridge'}  # --reg_type {given.reg_type}",
    ]
    if banded:
        lines.append("    bands:")
        lines += [f"      band{n}: {{from: band{n}}}" for n in range(1, count + 1)]
        lines.append(f"    search: {{n_iter: {given.n_iter}}}  # --n_iter")
    else:
        named = ", ".join(f"feature{n}" for n in range(1, count + 1))
        lines.append(f"    features: [{named}]")
    lines.append(f"    delays: {{start: {start}, end: {end}}}  # --time_delays, seconds")
    lines.append(f"    reduce: {_reduction(given.reduce_dim)}  # --reduce_dim")
    lines += ["", f"significance: {{test: {given.perm_type}}}  # --perm_type", ""]
    saved = ["scores", "pvalues", "coef", *(["predictions"] if given.save_pred else [])]
    comment = "  # --save_pred" if given.save_pred else ""
    lines += ["output:", f"  root: {target.output}", f"  save: [{', '.join(saved)}]{comment}"]
    return "\n".join(lines) + "\n"


def _parsed(words: Sequence[str]) -> Any:
    parser = OldParser(add_help=False, allow_abbrev=False)
    several = {"nargs": "+", "required": True}
    for name in ("--subject_name", "--modalities", "--modality_hparams", "--feat_names"):
        parser.add_argument(name, **several)  # type: ignore[arg-type]  # as argparse has them
    parser.add_argument("--time_delays", nargs=2, type=int, required=True)
    parser.add_argument("--select_layers", nargs="+", default=["all"])
    parser.add_argument("--device", nargs="*")
    parser.add_argument("--reg_type", choices=("mono", "multi"), default="mono")
    parser.add_argument("--perm_type", choices=("block", "gauss"), default="block")
    parser.add_argument("--n_iter", type=int, default=100)
    parser.add_argument("--reduce_dim", nargs="+", default=["default", "None"])
    parser.add_argument("--save_pred", nargs="?", const=True, default=False)
    parser.add_argument("--dataset", choices=("all", "splitA", "splitB"), default="all")
    plain = list(words)
    if plain and "run_training_encoder" in plain[0]:
        plain = plain[1:]
    return parser.parse_args(plain)


def _layers(words: Sequence[str], bands: int | None) -> list[str]:
    """Layers of each feature block, as YAML."""
    if words == ["all"]:
        return ["all"] * (bands or 1)
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise SpecError(
            f"from-drama2brain: --select_layers {' '.join(words)}: must be all, or numbers from 1"
        )
    if bands is None:
        return [f"[{', '.join(words)}]"]
    if len(words) not in (1, bands):
        raise SpecError(
            f"from-drama2brain: --select_layers has {len(words)} layers for {bands} bands; must be one each"
        )
    each = list(words) if len(words) == bands else list(words) * bands
    return [f"[{word}]" for word in each]


def _block(
    modality: str, hparams: str, model: str, layers: str, aliases: Mapping[str, str]
) -> list[str]:
    """Lines of a feature block."""
    modality = NAMES.get(modality, modality)
    captions = modality in ("semantic", "wordvectors", "vision_language")
    parts, found = hparams.split("_"), {}
    for part in parts:
        if part in TOKENS:
            found["tokens"] = TOKENS[part]
        elif WINDOW.fullmatch(part):
            found["window"] = part.removeprefix("cw")
        elif part in ("ALL", "splitA", "splitB"):
            found["annotators"] = part
        elif "annotation" not in found and captions:
            found["annotation"] = part
        else:
            raise SpecError(
                f"from-drama2brain: --modality_hparams {hparams}: {part!r} means nothing for {modality}; "
                "must be as story_cw1_avgToken_ALL"
            )
    if captions and "annotation" not in found:
        raise SpecError(f"from-drama2brain: --modality_hparams {hparams}: has no annotation level")
    lines = [f"modality: {modality}  # --modalities"]
    named = aliases.get(model, model)
    lines.append(f"model: {named}  # --feat_names {model}")
    if modality != "wordvectors":
        lines.append(f"layers: {layers}  # --select_layers")
    allowed = {
        "semantic": ("annotation", "window", "tokens", "annotators"),
        "wordvectors": ("annotation", "window", "tokens", "annotators"),
        "vision": ("tokens",),
        "audio": ("window", "tokens"),
        "vision_language": ("annotation", "tokens", "annotators"),
    }
    if modality not in allowed:
        raise SpecError(
            f"from-drama2brain: --modalities {modality}: must be one of {', '.join(allowed)}"
        )
    kept = {name: value for name, value in found.items() if name in allowed[modality]}
    lines += [
        f"{name}: {kept[name]}  # --modality_hparams" for name in allowed[modality] if name in kept
    ]
    if kept.get("tokens") == "flat" and modality not in ("semantic", "wordvectors"):
        lines.append(f"reduce: {reduced()}")
    return lines


def reduced() -> str:
    """Reduction of flattened pictures and sound, as YAML with its reason."""
    return f"{{components: {WIDE}}}  # flattened rows, of 10^5 columns, are never written whole"


def _reduction(words: Sequence[str]) -> str:
    if words in (["default", "None"], ["default"], ["None"]):
        return "none"
    if len(words) == 2 and words[0] in ("pca", "srp"):
        return f"{{{words[0]}: {words[1]}}}"
    raise SpecError(
        f"from-drama2brain: --reduce_dim {' '.join(words)}: must be default None, pca K or srp EPS"
    )
