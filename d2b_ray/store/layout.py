"""Where everything lies in a store. With `fit_place` the only module that spells paths.

    <root>/
    ├── sweep.yaml, environment.json        W engine, at the start   R report, people
    ├── stim_features/{modality}/{hparams}/{model}/layer{n}/{run}.npy  features.json
    │                                       W extract               R design; drama2brain's own too
    ├── stim_features/texts/{model}/{reading}/{part}/layer{n}.npy  texts.json
    │                                       W shard (of texts)      R extract
    ├── encoding/{subject}/scores/TR{start}_{end}s/{modality}/{hparams}/{model}/layer{n}/
    │   ├── cc_{suffix}.npy  cv_cc_{suffix}.npy  alphas_{suffix}.npy  coef_{suffix}.npy
    │   ├── with coef or predictions: intercept_{suffix}.npy
    │   ├── pvalues_corrected_{suffix}.npy  preds_val_{suffix}.npy  preds_trn_{suffix}.npy  dist_{suffix}.png
    │   ├── null{N}_counts_{suffix}.npy  null{N}_maxima_{suffix}.npy   R commit with more permutations
    │   ├── with a bootstrap: cc_low, cc_high, unique_bands_low, unique_bands_high
    │   ├── with a ceiling: noise_ceiling, cc_normalised
    │   ├── banded: cc_bands, unique_bands, pvalues_corrected_bands, gammas, preds_val_bands
    │   └── fit.json                        W commit, the last of the folder   R gather, people
    ├── comparisons/{subject}/{key}/
    │   └── difference.npy  pvalues_corrected.npy  compare.json
    │                                       W compare               R gather, people
    ├── generalisation/{subject}/{key}/
    │   └── titles.npy  subjects.npy  generalise.json
    │                                       W generalise            R gather, people
    ├── weights/{key}/
    │   └── components.npy  explained.npy  projections.npy  weights.json
    │                                       W weights               R gather, people
    ├── tables/
    │   ├── voxels/{subject}/{key}.parquet   W commit                R people
    │   ├── bands/{subject}/{key}.parquet    W commit of a banded fit   R people
    │   └── fits.parquet, timings.parquet, comparisons.parquet, top_voxels{,_tests}.parquet,
    │       generalisation.parquet, weights_pca{,_moments}.parquet
    │                                       W gather                R people
    ├── space/{subject}.npz                 W gather                R export
    ├── report/index.html  {layers,levels,regions,bands,weights}.{svg,csv}   W gather   R people
    ├── units/
    │   ├── {kind}/{key}.{inputs}.json      W whoever ran the unit, last   R ledger
    │   └── failed/{key}.json               W driver                R ledger, report
    ├── lease/{generation}.json  {generation}.beat.json   W driver  R other drivers, `status`
    └── logs/{start}.log                    W driver                R people

Crash stories. Every file is replaced in one step, so none is ever torn. Killed between the files of
a unit: there is no record yet, so the unit is done again and writes the same files. Killed between
a new record and the removal of the one before: the ledger sees two and has the unit done again.
A fit that takes the place of another (same folder and suffix) first removes the record of the
other, so that no record speaks of files that are not its own. A failure is removed when its unit
has succeeded; a failure beside a record is void.

`layer{n}` is `layerNone` for word vectors, which have none.
`suffix` is `raw`, `{k}PCs` or `{eps}eps`, then `_{split}` unless the split is `all`, then `_{label}`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import StoreError
from d2b_ray.plan.places import hparams, layer_word
from d2b_ray.store.names import component, model_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Layout"]

RECORD = re.compile(r"units/(?P<kind>[^/.]+)/(?P<key>[^/.]+)\.(?P<inputs>[^/.]+)\.json")
FAILURE = re.compile(r"units/failed/(?P<key>[^/.]+)\.json")


class Layout:
    """All other paths of a store, relative to its root."""

    SWEEP = "sweep.yaml"
    ENVIRONMENT = "environment.json"
    VOXELS = "tables/voxels/"
    BANDS = "tables/bands/"
    FITS = "tables/fits.parquet"
    TIMINGS = "tables/timings.parquet"
    COMPARED = "comparisons/"
    GENERALISED = "generalisation/"
    WEIGHTS = "weights/"
    SPACE = "space/"
    COMPARISONS = "tables/comparisons.parquet"
    TOP_VOXELS = "tables/top_voxels.parquet"
    TOP_TESTS = "tables/top_voxels_tests.parquet"
    GENERALISATION = "tables/generalisation.parquet"
    WEIGHTS_PCA = "tables/weights_pca.parquet"
    MOMENTS = "tables/weights_pca_moments.parquet"
    FEATURES = "stim_features/"
    TEXTS = "stim_features/texts/"
    UNITS = "units/"
    REPORT = "report/index.html"

    @staticmethod
    def figure(name: str, kind: str = "svg") -> str:
        """An overview figure of the report, or with `kind` csv the numbers that it shows."""
        return f"report/{name}.{kind}"

    @staticmethod
    def feature_folder(feature: Mapping[str, Any], layer: int) -> str:
        """Folder of one layer of a feature set, by the params of its extract unit."""
        options = component("_".join(hparams(feature)))
        modality, model = component(feature["modality"]), model_folder(feature["model"])
        return f"stim_features/{modality}/{options}/{model}/{layer_word(layer)}"

    @staticmethod
    def feature_mark(feature: Mapping[str, Any], layer: int) -> str:
        """Which feature set lies in the folder: some options are not in its name."""
        return f"{Layout.feature_folder(feature, layer)}/features.json"

    @staticmethod
    def feature(feature: Mapping[str, Any], layer: int, run: str) -> str:
        """Features (seconds, width) of a run, by its name: `Title_001`."""
        return f"{Layout.feature_folder(feature, layer)}/{component(run)}.npy"

    @staticmethod
    def text_folder(model: str, reading: str = "") -> str:
        """Folder of the rows of texts that a model has read, or has read in one way."""
        return f"{Layout.TEXTS}{model_folder(model)}/" + (
            f"{component(reading)}/" if reading else ""
        )

    @staticmethod
    def text_rows(model: str, reading: str, part: str, layer: int) -> str:
        """Rows (texts, width) of the texts of a part at a layer."""
        return f"{Layout.text_folder(model, reading)}{component(part)}/{layer_word(layer)}.npy"

    @staticmethod
    def text_list(model: str, reading: str, part: str) -> str:
        """Which texts the rows of a part belong to."""
        return f"{Layout.text_folder(model, reading)}{component(part)}/texts.json"

    @staticmethod
    def brain(subject: str, view: str) -> str:
        """Picture of the best fit of a subject: slices, glass, inflated or flat."""
        return f"report/brain_{component(subject)}_{view}.png"

    @staticmethod
    def space(subject: str) -> str:
        """Where the columns of a subject's responses lie: for maps."""
        return f"{Layout.SPACE}{component(subject)}.npz"

    @staticmethod
    def old_fit(folder: str) -> str:
        """Folder of a fit of drama2brain, as it was called from its subject on."""
        return f"encoding/{folder}"

    @staticmethod
    def voxels(subject: str, key: str) -> str:
        """Rows of one fit in the table of voxels, a folder a subject.

        Not `subject={s}`, as Hive has it: readers take the value of such a folder for a number where
        it looks like one, and subject 01 would come back as 1.
        """
        return f"{Layout.VOXELS}{component(subject)}/{component(key)}.parquet"

    @staticmethod
    def bands(subject: str, key: str) -> str:
        """Rows of one banded fit in the table of bands, a folder a subject."""
        return f"{Layout.BANDS}{component(subject)}/{component(key)}.parquet"

    @staticmethod
    def comparison(subject: str, key: str, name: str) -> str:
        """A file of the comparison of two fits of a subject."""
        return f"{Layout.COMPARED}{component(subject)}/{component(key)}/{component(name)}"

    @staticmethod
    def generalised(subject: str, key: str, name: str) -> str:
        """A file of how a fit does on titles and other subjects."""
        return f"{Layout.GENERALISED}{component(subject)}/{component(key)}/{component(name)}"

    @staticmethod
    def weights(key: str, name: str) -> str:
        """A file of the components of the weights of fits."""
        return f"{Layout.WEIGHTS}{component(key)}/{component(name)}"

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
    def records_of_kind(kind: str) -> str:
        """Folder of the records of a kind."""
        return f"units/{component(kind)}/"

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
    def lease(generation: int) -> str:
        """Who holds the root since `generation`; the highest does."""
        return f"lease/{generation:06d}.json"

    @staticmethod
    def beat(generation: int) -> str:
        """Last sign of life of a holder, and how far it is."""
        return f"lease/{generation:06d}.beat.json"

    @staticmethod
    def log(start: str) -> str:
        """Log of the run that began at `start`."""
        return f"logs/{component(start)}.log"
