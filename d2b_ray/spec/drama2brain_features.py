"""The commands by which drama2brain made features, unchanged, as a sweep without fits.

| argument | key of the sweep |
| --- | --- |
| --annot_type L | annotation of the feature blocks (make_features_multiLevel) |
| --annotators_split_method all, split_3v2, split_1v1 | annotators: ALL, or both halves |
| --avg_token, --token_type avgToken, flatToken | tokens: avg or flat |
| --n_windows N | window, of captions and of sound |
| --model_sourse, --model_source transformers, gensim | models: those of the paper, or word vectors |
| --modality vision, audio, vision-semantic | modality of the blocks (make_features_multimodal) |
| --modality_hparam default-L ... | annotation of vision_language |
| --device, --devices N | nothing: GPUs are found |

The old programs make features of all models of the paper, at all layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.errors import SpecError
from d2b_ray.spec.drama2brain_command import OldParser, Target, reduced

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAKERS", "features_text"]

MAKERS = ("make_features_multiLevel", "make_features_multimodal")
MODELS = {
    "semantic": ("BERT", "GPT2", "Llama2", "OPT", "Vicuna-v1.5"),
    "wordvectors": ("GloVe", "Word2Vec"),
    "vision": ("DeiT", "ResNet", "CLIP"),
    "audio": ("AST", "MMS"),
    "vision_language": ("GIT", "BridgeTower", "LLaVA-v1.5"),
}
HALVES = {"all": "[ALL]", "split_3v2": "[splitA, splitB]", "split_1v1": "[splitA, splitB]"}
SPLIT_LEVELS = {"split_3v2": ("objectiveAnnot50chara",), "split_1v1": ("story",)}


def features_text(program: str, words: Sequence[str], target: Target) -> str:
    """YAML of the sweep, without fits, that extracts what an old command made. SpecError, one line."""
    make = _levels if program == MAKERS[0] else _media
    lines = [f"# made of the command line of drama2brain's {program}", "name: drama2brain", ""]
    lines += ["preset: drama2brain  # options that are not named here are those of the paper", ""]
    lines += ["dataset:", "  layout: drama2brain", f"  root: {target.root}", "  subjects: all", ""]
    lines += ["features:", *make(words, target), ""]
    lines += ["fits: []  # nothing is fitted; a sweep that fits these features finds them", ""]
    lines += ["output:", f"  root: {target.output}"]
    return "\n".join(lines) + "\n"


def _levels(words: Sequence[str], target: Target) -> list[str]:
    parser = OldParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--modality", default="semantic")
    parser.add_argument("--annot_type", required=True)
    parser.add_argument("--annotators_split_method", choices=tuple(HALVES), default="all")
    for name in ("--model_sourse", "--model_source"):  # as it was spelt, and as one would
        parser.add_argument(name, choices=("transformers", "gensim"), dest="source")
    parser.add_argument("--device")
    parser.add_argument("--n_windows", type=int, default=1)
    parser.add_argument("--avg_token", action="store_true")
    given = parser.parse_args(list(words))
    level, method = given.annot_type, given.annotators_split_method
    if level not in SPLIT_LEVELS.get(method, (level,)):
        raise SpecError(
            f"from-drama2brain: --annotators_split_method {method}: is of {SPLIT_LEVELS[method][0]}, "
            f"not of {level}"
        )
    modality = "wordvectors" if given.source == "gensim" else "semantic"
    own = {
        "annotation": f"{level}  # --annot_type",
        "window": f"{given.n_windows}  # --n_windows",
        "tokens": "avg  # --avg_token" if given.avg_token else "flat  # no --avg_token",
        "annotators": f"{HALVES[method]}  # --annotators_split_method",
    }
    return _block(modality, own, target)


def _media(words: Sequence[str], target: Target) -> list[str]:
    parser = OldParser(add_help=False, allow_abbrev=False)
    kinds = ("vision", "audio", "vision-semantic")
    parser.add_argument("--modality", choices=kinds, required=True)
    parser.add_argument("--modality_hparam", nargs="*", default=[])
    parser.add_argument("--model_source", choices=("transformers",))
    parser.add_argument("--devices", nargs="*")
    parser.add_argument("--n_windows", type=int, default=20)
    parser.add_argument("--token_type", choices=("avgToken", "flatToken"), default="avgToken")
    given = parser.parse_args(list(words))
    tokens = "avg" if given.token_type == "avgToken" else "flat"
    own = {"tokens": f"{tokens}  # --token_type"}
    if given.modality == "audio":
        own["window"] = f"{given.n_windows}  # --n_windows"
    if given.modality == "vision-semantic":
        levels = [word.rpartition("-")[2] for word in given.modality_hparam]
        if not levels:
            raise SpecError(
                "from-drama2brain: --modality_hparam: must name a level, as default-story, for "
                "--modality vision-semantic"
            )
        own = {"annotation": f"[{', '.join(levels)}]  # --modality_hparam", **own}
    if tokens == "flat":
        own["reduce"] = reduced()
    return _block(given.modality.replace("vision-semantic", "vision_language"), own, target)


def _block(modality: str, own: dict[str, Any], target: Target) -> list[str]:
    named = [(target.aliases or {}).get(model, model) for model in MODELS[modality]]
    models = list(dict.fromkeys(named))
    lines = [f"  {modality}:", f"    modality: {modality}", f"    model: [{', '.join(models)}]"]
    if modality != "wordvectors":
        lines.append("    layers: all")
    return lines + [f"    {name}: {words}" for name, words in own.items()]
