"""The blocks `summary`, `generalise` and `weights_pca` of a sweep: what is made of finished fits."""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from d2b_ray.spec.closed import Allowed, Closed, Positive

__all__ = ["GeneraliseBlock", "SummaryBlock", "WeightsBlock"]

Truth = Annotated[bool, Allowed("true or false")]


class SummaryBlock(Closed):
    """The best voxels of every fit, the best layer of every subject, and tests over subjects."""

    top_voxels: Positive = 5000
    """How many voxels of a fit, those with the highest score of the training runs."""
    by: Annotated[Literal["cv_r"], Allowed("cv_r: the score of the training runs")] = "cv_r"
    """What voxels and layers are chosen by; r of the validation runs is told."""


class GeneraliseBlock(Closed):
    """How well every fit predicts each title of the validation runs, and other subjects."""

    titles: Truth = True
    """r within each title of the validation runs."""
    subjects: Truth = False
    """r of a subject's predictions with the responses of each other one; of subjects in one space only."""

    @model_validator(mode="after")
    def _something(self) -> "GeneraliseBlock":
        if not (self.titles or self.subjects):
            words = "titles: true, subjects: true or both (or leave generalise out)"
            raise PydanticCustomError("allowed", "{words}", {"words": words})
        return self


class WeightsBlock(Closed):
    """Principal components of the weights of every fit over voxels, and the moments they stand for."""

    components: Annotated[int, Field(ge=1, le=100), Allowed("an integer between 1 and 100")] = 4
    """How many, those of the highest variance."""
    top_voxels: Positive = 5000
    """Voxels of each subject that weights are taken of: those with the highest cv_r."""
    ends: Positive = 10
    """Moments of the training runs that are told at each end of a component."""
