"""The sweep as a whole, and its blocks `significance`, `output` and `resources`.

Not here: reading files (`document`, `load`), wording of errors (`messages`), old defaults
(`preset`). Annotations are evaluated here, because pydantic reads them.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from d2b_ray.spec.closed import Allowed, Axis, Closed, Name, Positive
from d2b_ray.spec.features import AnyFeatures
from d2b_ray.spec.fits import AnyFit, BandedFit
from d2b_ray.spec.stimuli import DatasetBlock

__all__ = [
    "ExtractResources",
    "FitResources",
    "OutputBlock",
    "PermuteResources",
    "ResourcesBlock",
    "Saved",
    "SignificanceBlock",
    "Sweep",
]

Saved: TypeAlias = Literal["scores", "pvalues", "coef", "predictions", "alphas"]
Url: TypeAlias = Annotated[str, Field(min_length=1), Allowed("a folder or a URL")]
Cores: TypeAlias = Annotated[float, Field(gt=0), Allowed("a number > 0")]
Gpus: TypeAlias = Annotated[
    float | None, Field(ge=0), Allowed("a number >= 0, or null to use GPUs where there are any")
]
SEED_LIMIT = 2**32  # what numpy's legacy generator takes


def _saved(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class SignificanceBlock(Closed):
    """The test of each voxel's correlation, and the correction over voxels."""

    test: Annotated[Literal["block", "gauss", "none"], Allowed("one of: block, gauss, none")] = (
        "block"
    )
    """`block`: order of blocks of the measured series is shuffled. `gauss`: white noise. `none`."""
    block_trs: Positive = 10
    """Length of a block in TRs."""
    permutations: Positive = 1000
    """How many shuffles."""
    null: Annotated[Literal["voxel", "pooled"], Allowed("one of: voxel, pooled")] = "voxel"
    """Each voxel against its own null, or against that of all voxels."""
    correction: Annotated[
        Literal["fdr_bh", "fdr_by", "max"], Allowed("one of: fdr_bh, fdr_by, max")
    ] = "fdr_bh"
    """Correction over voxels: false discovery rate, or family-wise by the largest null value."""
    level: Annotated[float, Field(gt=0, lt=1), Allowed("a number between 0 and 1")] = 0.05
    """A voxel is significant when its corrected p is below."""
    seed: Annotated[
        int, Field(ge=0, lt=SEED_LIMIT), Allowed(f"an integer from 0 to {SEED_LIMIT - 1}")
    ] = 42
    """Seed of the permutations."""
    rule: Annotated[
        Literal["plus_one", "drama2brain"], Allowed("one of: plus_one, drama2brain")
    ] = "plus_one"
    """p = (1 + exceedances) / (1 + N), or drama2brain's count / voxels."""
    rng: Annotated[Literal["philox", "legacy"], Allowed("one of: philox, legacy")] = "philox"
    """Generator of the permutations; `legacy` is `numpy.random.RandomState`."""


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


class ExtractResources(Closed):
    """What one extractor takes."""

    num_cpus: Cores = 1.0
    """Logical CPU cores."""
    num_gpus: Gpus = None
    """Logical GPUs; `null`: one where the cluster has any."""
    batch_tokens: Positive = 8192
    """Tokens in a batch, padding included."""


class FitResources(Closed):
    """What one fit worker takes."""

    num_cpus: Cores = 1.0
    """Logical CPU cores."""
    num_gpus: Gpus = None
    """Logical GPUs; `null`: one where the cluster has any."""
    memory_budget_mb: Positive = 2048
    """Working memory of a solver beside its inputs and outputs, in MB; sets the voxel batch."""


class PermuteResources(Closed):
    """What one null task takes."""

    num_cpus: Cores = 1.0
    """Logical CPU cores."""
    block: Positive = 250
    """Permutations in a task."""


class ResourcesBlock(Closed):
    """How the work is laid out on machines; changes no number and no key."""

    extract: ExtractResources = ExtractResources()
    """Feature extraction."""
    fit: FitResources = FitResources()
    """Ridge fits."""
    permute: PermuteResources = PermuteResources()
    """Null tasks."""
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
    fits: Axis[AnyFit]
    """Encoding models."""
    significance: SignificanceBlock = SignificanceBlock()
    """Test of the correlations."""
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
                    raise PydanticCustomError(
                        "elsewhere",
                        "{words}",
                        {
                            "at": f"fits.{place}.{where}",
                            "got": name,
                            "words": f"the name of a feature block: {known}",
                        },
                    )
        return self

    @model_validator(mode="after")
    def _bands_narrow_what_is_there(self) -> "Sweep":
        for place, fit in enumerate(self.fits):
            for name, band in fit.bands.items() if isinstance(fit, BandedFit) else ():
                block = self.features[band.source]
                wrong = {
                    "annotation": band.annotation and "annotation" not in type(block).model_fields,
                    "layers": band.layers not in (None, "all") and block.modality == "wordvectors",
                }
                for key in (key for key, is_wrong in wrong.items() if is_wrong):
                    raise PydanticCustomError(
                        "elsewhere",
                        "{words}",
                        {
                            "at": f"fits.{place}.bands.{name}.{key}",
                            "got": getattr(band, key),
                            "words": f"left out: modality {block.modality} has no {key}",
                        },
                    )
        return self
