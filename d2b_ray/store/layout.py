"""Where everything lies in a store. The only module that spells a path; strings in, strings out.

    <root>/
    ├── sweep.yaml, environment.json        W engine, at the start   R report, people
    ├── stim_features/{modality}/{hparams}/{model}/layer{n}/{run}.npy
    │                                       W extract               R design; drama2brain's own too
    ├── encoding/{subject}/scores/TR{start}_{end}s/{modality}/{hparams}/{model}/layer{n}/
    │   ├── cc_{suffix}.npy  cv_cc_{suffix}.npy  alphas_{suffix}.npy  coef_{suffix}.npy
    │   ├── pvalues_corrected_{suffix}.npy  predictions_{suffix}.npy  dist_{suffix}.png
    │   └── fit.json                        W commit, the last of the folder   R gather, people
    ├── tables/
    │   ├── voxels/subject={s}/{key}.parquet   W commit             R people
    │   └── fits.parquet, timings.parquet      W gather             R people
    ├── report/index.html  layers.png  rois.png   W gather           R people
    ├── units/
    │   ├── {kind}/{key}.{inputs}.json      W whoever ran the unit, last   R ledger
    │   └── failed/{key}.json               W driver                R ledger, report
    └── logs/{start}.log                    W driver                R people

Crash stories. Every file is replaced in one step, so none is ever torn. Killed between the files of
a unit: there is no record yet, so the unit is done again and writes the same files. Killed between
a new record and the removal of the one before: the ledger sees two and has the unit done again.
A fit that takes the place of another (same folder and suffix) first removes the record of the
other, so that no record speaks of files that are not its own. A failure is removed when its unit
has succeeded; a failure beside a record is void.

`suffix` is `raw`, `{k}PCs` or `{eps}eps`, then `_{split}` unless the split is `all`, then `_{label}`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FitPlace", "Layout", "component", "hparams", "model_folder"]

TOKENS = {"avg": "avgToken", "last": "lastToken", "flat": "flatToken"}
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
RECORD = re.compile(r"units/(?P<kind>[^/.]+)/(?P<key>[^/.]+)\.(?P<inputs>[^/.]+)\.json")
FAILURE = re.compile(r"units/failed/(?P<key>[^/.]+)\.json")


def component(text: str) -> str:
    """`text` itself if it can be one part of a path, else StoreError.

    Refused: empty, `.`, `..`, `/`, control characters, more than 200 bytes.
    """
    bad = not text or text in (".", "..") or "/" in text or len(text.encode()) > 200
    if bad or any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
        raise StoreError(
            f"{text!r} cannot be part of a path: it must be 1 to 200 bytes without '/' or control "
            "characters, and not '.' or '..'; rename it in the sweep or the data set"
        )
    return text


def hparams(annotation: str, window: int, tokens: str, annotators: str) -> str:
    """drama2brain's name of feature options: `story_cw1_avgToken_ALL` (window in seconds)."""
    if tokens not in TOKENS:
        raise StoreError(f"tokens {tokens!r} has no folder name; allowed: {', '.join(TOKENS)}")
    return component(f"{annotation}_cw{window}_{TOKENS[tokens]}_{annotators}")


def model_folder(model: str) -> str:
    """Folder of a model: `GPT2`; `org--name` for the hub's `org/name`; `name-{digest}` for a path.

    Two models never share a folder: hub ids hold no `--`, and what is not a plain name or a hub id
    carries 8 digits of the SHA-256 of its full name.
    """
    if "--" not in model:
        if "/" not in model:
            return component(model)
        if HUB_ID.fullmatch(model):
            return component(model.replace("/", "--"))
    last = [part for part in model.split("/") if part not in ("", ".", "..")]
    digits = hashlib.sha256(model.encode()).hexdigest()[:8]
    return component(f"{last[-1] if last else 'model'}-{digits}")


@dataclass(frozen=True, slots=True)
class FitPlace:
    """Where the results of one fit lie. Delays `start_s` to `end_s` in seconds.

    Banded fits give tuples, which are joined with `_`. `reduction` is `raw`, `{k}PCs` or `{eps}eps`.
    """

    subject: str
    start_s: int
    end_s: int
    combine: str  # mean | concat
    modality: str | tuple[str, ...]
    hparams: str | tuple[str, ...]
    model: str | tuple[str, ...]
    layer: int | tuple[int, ...]
    annotation: str | tuple[str, ...] = ""
    reduction: str = "raw"
    split: str = "all"
    label: str | None = None

    @classmethod
    def of(cls, place: Mapping[str, Any]) -> FitPlace:
        """The place that a plan describes in its own words (`hparams` a list, `reduce` a mapping)."""
        parts = place["hparams"]
        return cls(
            subject=place["subject"],
            start_s=place["start_s"],
            end_s=place["end_s"],
            combine=place.get("combine", "mean"),
            modality=place["modality"],
            hparams=parts if isinstance(parts, str) else "_".join(parts),
            model=place["model"],
            layer=place["layer"],
            annotation=place.get("annotation") or ("" if isinstance(parts, str) else parts[0]),
            reduction=reduction(place.get("reduce")),
            split=place.get("split", "all"),
            label=place.get("label"),
        )

    @property
    def suffix(self) -> str:
        """End of the file names: `raw`, `1280PCs`, `0.1eps_splitA`, `raw_mylabel`."""
        parts = [self.reduction]
        if self.split != "all":
            parts.append(self.split)
        if self.label:
            parts.append(self.label)
        return component("_".join(parts))

    @property
    def folder(self) -> str:
        """drama2brain's folder of the fit."""
        delays = f"TR{self.start_s}_{self.end_s}s" + ("_concat" if self.combine == "concat" else "")
        parts = (
            component(self.subject),
            "scores",
            delays,
            component(_joined(self.modality)),
            component(_joined(self.hparams)),
            component("_".join(model_folder(model) for model in _listed(self.model))),
            f"layer{_joined(self.layer)}",
        )
        return "/".join(("encoding", *parts))

    def array(self, name: str) -> str:
        """File of an array: `cc`, `cv_cc`, `pvalues_corrected`, `coef`, `alphas`, `predictions`."""
        return f"{self.folder}/{component(name)}_{self.suffix}.npy"

    @property
    def cc(self) -> str:
        """Correlations on the validation rows (V,)."""
        return self.array("cc")

    @property
    def cv_cc(self) -> str:
        """Best mean correlations over the folds (V,)."""
        return self.array("cv_cc")

    @property
    def pvalues_corrected(self) -> str:
        """p-values corrected over voxels (V,)."""
        return self.array("pvalues_corrected")

    @property
    def coef(self) -> str:
        """Coefficients (p, V)."""
        return self.array("coef")

    @property
    def alphas(self) -> str:
        """Chosen penalties (V,)."""
        return self.array("alphas")

    @property
    def predictions(self) -> str:
        """Predictions of the validation rows (n_valid, V)."""
        return self.array("predictions")

    @property
    def figure(self) -> str:
        """Histogram of the correlations."""
        return f"{self.folder}/dist_{self.suffix}.png"

    @property
    def summary(self) -> str:
        """What made the fit, and its numbers in short: `fit.json`, `fit_{suffix}.json` unless raw."""
        return f"{self.folder}/fit{'' if self.suffix == 'raw' else '_' + self.suffix}.json"


class Layout:
    """All other paths of a store, relative to its root."""

    SWEEP = "sweep.yaml"
    ENVIRONMENT = "environment.json"
    VOXELS = "tables/voxels/"
    FITS = "tables/fits.parquet"
    TIMINGS = "tables/timings.parquet"
    UNITS = "units/"
    REPORT = "report/index.html"
    LAYER_FIGURE = "report/layers.png"
    ROI_FIGURE = "report/rois.png"

    @staticmethod
    def feature_folder(feature: Mapping[str, Any], layer: int) -> str:
        """Folder of one layer of a feature set: modality, annotation, window, tokens, annotators, model."""
        options = hparams(
            feature["annotation"], feature["window"], feature["tokens"], feature["annotators"]
        )
        modality, model = component(feature["modality"]), model_folder(feature["model"])
        return f"stim_features/{modality}/{options}/{model}/layer{layer}"

    @staticmethod
    def feature(feature: Mapping[str, Any], layer: int, run: str) -> str:
        """Features (seconds, width) of a run, by its name: `Title_001`."""
        return f"{Layout.feature_folder(feature, layer)}/{component(run)}.npy"

    @staticmethod
    def voxels(subject: str, key: str) -> str:
        """Rows of one fit in the table of voxels, partitioned by subject as Hive does it."""
        return f"{Layout.VOXELS}subject={component(subject)}/{component(key)}.parquet"

    @staticmethod
    def record(kind: str, key: str, inputs: str) -> str:
        """Record of a finished unit; `inputs` is the digest of its input fingerprints."""
        path = f"units/{kind}/{key}.{inputs}.json"
        if Layout.parse_record(path) != (kind, key, inputs) or kind == "failed":
            raise StoreError(f"{path!r} is not the name of a record; keys are hexadecimal digits")
        return path

    @staticmethod
    def records_of(kind: str, key: str) -> str:
        """What the names of all records of a unit begin with, whatever their inputs."""
        return f"units/{component(kind)}/{component(key)}."

    @staticmethod
    def parse_record(path: str) -> tuple[str, str, str] | None:
        """Kind, key and inputs digest of a record's path; None for any other path."""
        found = RECORD.fullmatch(path)
        return (found["kind"], found["key"], found["inputs"]) if found else None

    @staticmethod
    def failure(key: str) -> str:
        """What is stored of a failed unit."""
        return f"units/failed/{component(key)}.json"

    @staticmethod
    def parse_failure(path: str) -> str | None:
        """Key of a failure's path; None for any other path."""
        found = FAILURE.fullmatch(path)
        return found["key"] if found else None

    @staticmethod
    def log(start: str) -> str:
        """Log of the run that began at `start`."""
        return f"logs/{component(start)}.log"


def reduction(reduce: Mapping[str, Any] | None) -> str:
    """drama2brain's name of a reduction: `raw`, `640PCs` for `{pca: 640}`, `0.1eps` for `{srp: 0.1}`."""
    if not reduce:
        return "raw"
    if set(reduce) == {"pca"}:
        return f"{reduce['pca']}PCs"
    if set(reduce) == {"srp"}:
        return f"{reduce['srp']}eps"
    raise StoreError(f"reduction {dict(reduce)!r} has no file name; allowed: pca, srp, or none")


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _joined(value: str | int | Sequence[str] | Sequence[int]) -> str:
    if isinstance(value, (str, int)):
        return str(value)
    return "_".join(str(part) for part in value)
