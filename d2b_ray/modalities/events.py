"""Events of an experiment, a column a trial type: its options in a sweep, and its row of the table."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Allowed, Axis, Name, as_axis
from d2b_ray.spec.features import FeatureBlock

__all__ = ["MODALITY", "EventsBlock"]


def _entries(value: Any) -> Any:
    return () if value in ([], ()) else as_axis(value)


class EventsBlock(FeatureBlock):
    """Events of an experiment, a column a trial type, or one of a number that events have."""

    model: Axis[Name] = ("events",)
    """Name that is shown in tables and figures."""
    column: Name = "trial_type"
    """Column of the event tables: of words, a column of features each; of numbers, one that holds them."""
    leave_out: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        BeforeValidator(_entries),
        Allowed("a list of trial types"),
    ] = ()
    """Trial types that are no feature, such as rest."""

    @property
    def personal(self) -> bool:
        """Each subject may have seen another order."""
        return True


MODALITY = Modality(
    block=EventsBlock,
    reading="d2b_ray.features.given.events",
    word="events",
    sampling="boxcar",
    layered=False,
)
