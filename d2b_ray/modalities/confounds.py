"""Nuisance regressors as a feature space: its options in a sweep, and its row of the table."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Allowed, Axis, Name
from d2b_ray.spec.features import FeatureBlock

__all__ = ["MODALITY", "ConfoundsBlock"]


class ConfoundsBlock(FeatureBlock):
    """Nuisance regressors (head motion and the like), a row a sample."""

    model: Axis[Name] = ("confounds",)
    """Name that is shown in tables and figures."""
    columns: Annotated[
        Axis[Annotated[str, Field(min_length=1)]],
        Allowed("a list of columns of the confounds, `*` for any ending"),
    ]
    """Columns of the tables of confounds, such as [trans_*, rot_*]."""

    @property
    def personal(self) -> bool:
        """Each head moves in its own way."""
        return True


MODALITY = Modality(
    block=ConfoundsBlock,
    reading="d2b_ray.features.given.confounds",
    word="confounds",
    layered=False,
)
