"""The sweep as a whole, and its blocks `output` and `resources`.

Not here: the other blocks (`dataset`, `fits`, `significance`), reading files (`document`, `load`),
wording of errors (`messages`), old defaults (`preset`). Annotations are evaluated here, because
pydantic reads them.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.spec.analyses import GeneraliseBlock, SummaryBlock, WeightsBlock
from d2b_ray.spec.closed import Allowed, Closed, Name, Positive, as_axis, elsewhere
from d2b_ray.spec.comparisons import Comparison
from d2b_ray.spec.dataset import DatasetBlock
from d2b_ray.spec.features import AnyFeatures, Text
from d2b_ray.spec.fits import AnyFit, BandedFit
from d2b_ray.spec.significance import SignificanceBlock

__all__ = [
    "ExtractResources",
    "FitResources",
    "OutputBlock",
    "PermuteResources",
    "ResourcesBlock",
    "Saved",
    "Sweep",
]

Saved: TypeAlias = Literal["scores", "pvalues", "coef", "predictions", "alphas"]
Url: TypeAlias = Annotated[str, Field(min_length=1), Allowed("a folder or a URL")]
Cores: TypeAlias = Annotated[float, Field(gt=0), Allowed("a number > 0")]
Gpus: TypeAlias = Annotated[
    float | None, Field(ge=0), Allowed("a number >= 0, or null to use GPUs where there are any")
]


def _saved(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _entries(value: Any) -> Any:
    """As an axis, but it may be empty."""
    return () if value in ([], ()) else as_axis(value)


class OutputBlock(Closed):
    """Where results go, and which."""

    root: Url
    """Folder or URL (`s3://bucket/prefix`); a relative path starts at the working directory."""
    features: Url | None = None
    """Where extracted features go; `null`: below `root`."""
    save: Annotated[
        tuple[Saved, ...],
        BeforeValidator(_saved),
        Allowed("a list of: scores, pvalues, coef, predictions, alphas"),
    ] = ("scores", "pvalues")
    """Which arrays of a fit are kept."""
    table: Annotated[Literal["parquet", "none"], Allowed("one of: parquet, none")] = "parquet"
    """Tables of voxels and fits."""
    figures: Annotated[bool, Allowed("true or false")] = True
    """Whether each fit has a histogram of its correlations: about 0.2 s and 30 kB a fit."""
    report: Annotated[Literal["pictures", "tables"], Allowed("one of: pictures, tables")] = (
        "pictures"
    )
    """What the page shows: figures and brains beside its tables, or tables alone (seconds less a run)."""
    keep_texts: Annotated[bool, Allowed("true or false")] = True
    """Whether rows of distinct texts stay beside the features: a text that comes again costs nothing."""


Workers: TypeAlias = Annotated[int | None, Field(ge=1), Allowed("an integer >= 1, or null")]


class ExtractResources(Closed):
    """What one extractor takes."""

    num_cpus: Cores = 1.0
    """Logical CPU cores."""
    num_gpus: Gpus = None
    """Logical GPUs; `null`: one where the cluster has any."""
    batch_tokens: Positive = 8192
    """Tokens in a batch, padding included."""
    shard_texts: Positive = 2048
    """Distinct texts that one extractor takes at a time; their rows at all layers are held in memory."""
    shard_s: Positive = 600
    """Seconds of frames or sound that one extractor takes at a time, whole runs; the rest goes to others."""
    workers: Workers = None
    """Most workers at a time; `null`: as many as there is room or work for."""


class FitResources(Closed):
    """What one fit worker takes."""

    num_cpus: Cores = 1.0
    """Logical CPU cores."""
    num_gpus: Gpus = None
    """Logical GPUs; `null`: one where the cluster has any."""
    memory_budget_mb: Positive = 2048
    """Working memory of a solver beside its inputs and outputs, in MB; sets the voxel batch."""
    workers: Workers = None
    """Most workers at a time; `null`: as many as there is room or work for."""


class PermuteResources(Closed):
    """What one null task takes."""

    num_cpus: Cores = 1.0
    """Logical CPU cores."""
    num_gpus: Gpus = None
    """`null`: a fit on a GPU draws its null there, before its predictions leave; 0: CPU workers draw it."""
    voxels: Positive = 16384
    """Voxels in a task, each with all permutations."""
    block: Positive = 10_000
    """Permutations in a task; fewer cost more each."""
    workers: Workers = None
    """Most workers at a time; `null`: as many as there is room or work for."""


class ResponsesResources(Closed):
    """Where a machine keeps responses as its workers map them into memory; they are read once."""

    folder: Text | None = None
    """A folder of the machine, such as /scratch; `null`: where it has temporary files."""
    gb: Annotated[float, Field(ge=0), Allowed("a number >= 0, or null")] | None = None
    """Most that is kept, the least recently used goes; 0: nothing, each worker holds one subject;
    `null`: half of what is free."""

    @property
    def bytes(self) -> int | None:
        """`gb` in bytes."""
        return None if self.gb is None else int(self.gb * 1e9)


class ResourcesBlock(Closed):
    """How the work is laid out on machines; changes no number and no key."""

    extract: ExtractResources = ExtractResources()
    """Feature extraction."""
    fit: FitResources = FitResources()
    """Ridge fits."""
    permute: PermuteResources = PermuteResources()
    """Null tasks."""
    responses: ResponsesResources = ResponsesResources()
    """Measured data as workers read them."""
    timeout_s: Positive = 6 * 3600
    """Seconds after which a unit is taken for stuck, and tried once more elsewhere."""


class Sweep(Closed):
    """Everything a study needs, in one file."""

    name: Name
    """Name of the study."""
    preset: Annotated[Literal["drama2brain"] | None, Allowed("drama2brain, or left out")] = None
    """Fills options that are not set by hand with those of drama2brain."""
    dataset: DatasetBlock
    """The measured data."""
    features: Annotated[dict[Name, AnyFeatures], Field(min_length=1)]
    """Feature blocks by name."""
    fits: Annotated[tuple[AnyFit, ...], BeforeValidator(_entries)]
    """Encoding models; an empty list: features are extracted, all of them, and nothing is fitted."""
    significance: SignificanceBlock = SignificanceBlock()
    """Test of the correlations."""
    compare: Annotated[tuple[Comparison, ...], BeforeValidator(_entries)] = ()
    """Fits that are set against each other, a pair or many pairs an entry."""
    summary: SummaryBlock | None = None
    """Tables of the best voxels of each fit, with tests over subjects; `null`: none."""
    generalise: GeneraliseBlock | None = None
    """r within each validation title, and of other subjects; keeps predictions. `null`: none."""
    weights_pca: WeightsBlock | None = None
    """Principal components of the weights over voxels of all subjects; `null`: none."""
    output: OutputBlock
    """Results."""
    resources: ResourcesBlock = ResourcesBlock()
    """Machines."""

    @model_validator(mode="after")
    def _features_exist(self) -> "Sweep":
        known = ", ".join(self.features)
        for place, fit in enumerate(self.fits):
            if isinstance(fit, BandedFit):
                named = [(f"bands.{band}.from", entry.source) for band, entry in fit.bands.items()]
            else:
                named = [("features", name) for name in fit.features]
            for where, name in named:
                if name not in self.features:
                    words = f"the name of a feature block: {known}"
                    raise elsewhere(f"fits.{place}.{where}", name, words)
        return self

    @model_validator(mode="after")
    def _weights_are_kept(self) -> "Sweep":
        if self.weights_pca is None:
            return self
        if "coef" not in self.output.save:
            words = "a list with coef, which weights_pca reads"
            raise elsewhere("output.save", list(self.output.save), words)
        for place, fit in enumerate(self.fits):
            if fit.coef_space != "design":
                words = "design, for weights_pca sets weights against the design's columns"
                raise elsewhere(f"fits.{place}.coef_space", fit.coef_space, words)
        return self

    @model_validator(mode="after")
    def _runs_confine_something(self) -> "Sweep":
        if self.significance.within_runs and not (self.significance.draws_blocks or self.compare):
            words = f"false where no blocks are drawn (test is {self.significance.test})"
            raise elsewhere("significance.within_runs", True, words)
        return self

    @model_validator(mode="after")
    def _bands_narrow_what_is_there(self) -> "Sweep":
        for place, fit in enumerate(self.fits):
            for name, band in fit.bands.items() if isinstance(fit, BandedFit) else ():
                block = self.features[band.source]
                layered = MODALITIES[block.modality].layered
                wrong = {
                    "annotation": band.annotation and "annotation" not in type(block).model_fields,
                    "layers": band.layers not in (None, "all") and not layered,
                }
                for key in (key for key, is_wrong in wrong.items() if is_wrong):
                    words = f"left out: modality {block.modality} has no {key}"
                    raise elsewhere(f"fits.{place}.bands.{name}.{key}", getattr(band, key), words)
        return self
