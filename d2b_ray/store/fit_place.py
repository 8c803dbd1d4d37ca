"""Where the results of one fit lie: the folder and file names of drama2brain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from d2b_ray.plan.places import layer_word, level
from d2b_ray.store.names import component, fitting, model_folder, reduction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FitPlace"]


@dataclass(frozen=True, slots=True)
class FitPlace:
    """Where the results of one fit lie. Delays `start_s` to `end_s` in seconds.

    Banded fits give tuples, which are joined with `_`. `reduction` is `raw`, `{k}PCs` or `{eps}eps`.
    """

    subject: str
    start_s: float
    end_s: float
    combine: str  # mean | concat
    modality: str | tuple[str, ...]
    hparams: str | tuple[str, ...]
    model: str | tuple[str, ...]
    layer: int | tuple[int, ...]
    annotation: str | tuple[str, ...] = ""
    reduction: str = "raw"
    split: str = "all"
    label: str | None = None
    bands: tuple[str, ...] = ()

    @classmethod
    def of(cls, place: Mapping[str, Any]) -> FitPlace:
        """The place that a plan describes in its own words (`hparams` a list, `reduce` a mapping)."""
        banded = "bands" in place
        parts = place["hparams"] if banded else [place["hparams"]]
        options = tuple("_".join(words) for words in parts)
        modalities = place["modality"] if banded else [place["modality"]]
        levels = tuple(
            level(modality, words) for modality, words in zip(modalities, parts, strict=True)
        )
        return cls(
            subject=place["subject"],
            start_s=place["start_s"],
            end_s=place["end_s"],
            combine=place.get("combine", "mean"),
            modality=tuple(place["modality"]) if banded else place["modality"],
            hparams=options if banded else options[0],
            model=tuple(place["model"]) if banded else place["model"],
            layer=tuple(place["layer"]) if banded else place["layer"],
            annotation=levels if banded else levels[0],
            reduction=reduction(place.get("reduce")),
            split=place.get("split", "all"),
            label=place.get("label"),
            bands=tuple(place["bands"]) if banded else (),
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
            fitting(_joined(self.modality)),
            fitting(_joined(self.hparams)),
            fitting("_".join(model_folder(model) for model in _listed(self.model))),
            f"layer{'_'.join(layer_word(n).removeprefix('layer') for n in _numbers(self.layer))}",
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
    def cc_low(self) -> str:
        """Lower ends of the intervals of the correlations (V,)."""
        return self.array("cc_low")

    @property
    def cc_high(self) -> str:
        """Upper ends of the intervals of the correlations (V,)."""
        return self.array("cc_high")

    @property
    def ceiling(self) -> str:
        """Noise ceilings of the correlations (V,)."""
        return self.array("noise_ceiling")

    @property
    def cc_normalised(self) -> str:
        """Correlations over their ceilings (V,); NaN where the ceiling is too low to divide by."""
        return self.array("cc_normalised")

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
    def intercept(self) -> str:
        """Mean training responses (V,), which predictions do not hold."""
        return self.array("intercept")

    @property
    def alphas(self) -> str:
        """Chosen penalties (V,)."""
        return self.array("alphas")

    @property
    def predictions(self) -> str:
        """Predictions of the validation rows (n_valid, V)."""
        return self.array("preds_val")

    @property
    def band_scores(self) -> str:
        """Share of each band in the correlation (bands, V); they add up to `cc`."""
        return self.array("cc_bands")

    @property
    def band_pvalues(self) -> str:
        """Corrected p-values of each band (bands, V)."""
        return self.array("pvalues_corrected_bands")

    @property
    def band_unique(self) -> str:
        """Explained variance that is lost without each band (bands, V)."""
        return self.array("unique_bands")

    @property
    def band_unique_low(self) -> str:
        """Lower ends of the intervals of the unique variance (bands, V)."""
        return self.array("unique_bands_low")

    @property
    def band_unique_high(self) -> str:
        """Upper ends of the intervals of the unique variance (bands, V)."""
        return self.array("unique_bands_high")

    @property
    def band_weights(self) -> str:
        """Weight gamma of each band (bands, V); its penalty is alpha / gamma."""
        return self.array("gammas")

    @property
    def band_predictions(self) -> str:
        """Prediction of each band (bands, n_valid, V)."""
        return self.array("preds_val_bands")

    @property
    def nested_predictions(self) -> str:
        """Predictions of the training rows (n, V) by models that did not see their group."""
        return self.array("preds_trn")

    @property
    def figure(self) -> str:
        """Histogram of the correlations."""
        return f"{self.folder}/dist_{self.suffix}.png"

    @property
    def summary(self) -> str:
        """What made the fit, and its numbers in short: `fit.json`, `fit_{suffix}.json` unless raw."""
        return f"{self.folder}/fit{'' if self.suffix == 'raw' else '_' + self.suffix}.json"


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _numbers(value: int | Sequence[int]) -> Sequence[int]:
    return [value] if isinstance(value, int) else value


def _joined(value: str | Sequence[str]) -> str:
    return "_".join(_listed(value))
