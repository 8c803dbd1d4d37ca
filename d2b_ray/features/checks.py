"""What every modality refuses before its model runs: one line each, with the allowed values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from d2b_ray.features.models.sources import ModelSource

__all__ = ["check_choice", "check_layers", "check_positive"]


def check_choice(name: str, value: str, allowed: Collection[str]) -> None:
    """Raise ExtractionError unless `value` is among `allowed`."""
    if value not in allowed:
        raise ExtractionError(
            f"{name}: {value!r} is not known; must be one of {', '.join(allowed)}"
        )


def check_positive(**values: int) -> None:
    """Raise ExtractionError unless all values are 1 or more."""
    for name, value in values.items():
        if value < 1:
            raise ExtractionError(f"{name}: {value} is not allowed; must be 1 or more")


def check_layers(source: ModelSource, layers: Sequence[int]) -> None:
    """Raise ExtractionError unless `layers` are some of the layers of the model."""
    wrong = [layer for layer in layers if not 1 <= layer <= source.n_layers]
    if wrong or not layers:
        raise ExtractionError(
            f"model {source.name!r}: layers {wrong or 'none'} cannot be extracted; it has layers 1 "
            f"(embeddings) to {source.n_layers}: name one or more of these"
        )
