"""The block `significance` of a sweep: test, correction, intervals. Numbers are made elsewhere."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from d2b_ray.catalog.significance_tests import TESTS
from d2b_ray.spec.closed import Allowed, Closed, Count, NameIn, Positive, elsewhere

__all__ = ["Bootstrap", "SignificanceBlock"]

SEED_LIMIT = 2**32  # what numpy's legacy generator takes
Seed: TypeAlias = Annotated[
    int, Field(ge=0, lt=SEED_LIMIT), Allowed(f"an integer from 0 to {SEED_LIMIT - 1}")
]
Share: TypeAlias = Annotated[float, Field(gt=0, lt=1), Allowed("a number between 0 and 1")]


class Bootstrap(Closed):
    """Percentile intervals of r, and of the unique variance of bands, over drawn blocks of samples."""

    samples: Count = 1000
    """How many times the blocks are drawn, with replacement."""
    block_trs: Annotated[
        Positive | Literal["auto"], Allowed("auto, or a whole number of TRs from 1")
    ] = "auto"
    """Length of a block in TRs; `auto`: a fortieth of the validation samples, 10 to 100."""
    level: Share = 0.95
    """Share of the drawn values that lies within the interval."""
    seed: Seed = 42
    """Seed of the draws."""


class SignificanceBlock(Closed):
    """The test of each voxel's correlation, and the correction over voxels."""

    test: Annotated[str, NameIn(TESTS)] = "block"
    """`block`: order of blocks of the measured series is shuffled. `gauss`: white noise.

    `parametric`: t-test with effective degrees of freedom, no permutations. `none`.
    """
    block_trs: Annotated[
        Positive | Literal["auto"], Allowed("auto, or a whole number of TRs from 1")
    ] = "auto"
    """Length of a block in TRs; `auto`: a twelfth of the validation samples, 10 to 100."""
    autocorrelation: Annotated[
        Literal["corrected", "blocks"], Allowed("one of: corrected, blocks")
    ] = "corrected"
    """Null values are widened by what blocks miss of the autocorrelation, or left as blocks make them."""
    within_runs: bool = False
    """Whether blocks, shuffled or drawn, stay within a run: none reaches into the next."""
    permutations: Count = 1000
    """How many shuffles."""
    null: Annotated[Literal["voxel", "pooled"], Allowed("one of: voxel, pooled")] = "voxel"
    """Each voxel against its own null, or against that of all voxels."""
    correction: Annotated[
        Literal["fdr_bh", "fdr_by", "max"], Allowed("one of: fdr_bh, fdr_by, max")
    ] = "fdr_bh"
    """Correction over voxels: false discovery rate, or family-wise by the largest null value."""
    level: Share = 0.05
    """A voxel is significant when its corrected p is below."""
    seed: Seed = 42
    """Seed of the permutations."""
    rule: Annotated[
        Literal["plus_one", "drama2brain"], Allowed("one of: plus_one, drama2brain")
    ] = "plus_one"
    """p = (1 + exceedances) / (1 + N), or drama2brain's count / voxels."""
    rng: Annotated[Literal["philox", "legacy"], Allowed("one of: philox, legacy")] = "philox"
    """Generator of the permutations; `legacy` is `numpy.random.RandomState`."""
    bootstrap: Bootstrap | None = None
    """Intervals beside the scores; `null`: none."""
    ceiling: Annotated[
        Literal["none", "subjects", "repeats"], Allowed("one of: none, subjects, repeats")
    ] = "none"
    """How well any model could do: what the other subjects, in the same space, tell of a voxel, or the
    repeats of the validation stimuli (column repeat_of of the run table)."""

    @model_validator(mode="after")
    def _max_has_a_null(self) -> "SignificanceBlock":
        allowed = TESTS[self.test].corrections
        if self.correction not in allowed:
            words = f"{' or '.join(allowed)} where test is {self.test} (max needs permutations)"
            raise elsewhere("significance.correction", self.correction, words)
        return self

    @property
    def draws_blocks(self) -> bool:
        """Whether blocks of samples are drawn or shuffled."""
        return TESTS[self.test].draws_blocks or self.bootstrap is not None
