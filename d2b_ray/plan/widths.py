"""How wide features and designs are, and how many bytes the values of units take in memory. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.plan.units import Plan, Unit
    from d2b_ray.plan.world import Sizes

__all__ = ["FLOAT32_BYTES", "TOKENS_PER_TEXT", "columns", "feature_width", "value_bytes"]

TOKENS_PER_TEXT = 20  # a caption of a second
FLOAT32_BYTES = 4


def value_bytes(plan: Plan, sizes: Sizes, *, keep_coef: bool = True) -> dict[str, int]:
    """Bytes in memory of the values of designs, factorizations and fits, by key."""
    found: dict[str, int] = {}
    for unit in plan.units:
        if unit.kind == "design":
            found[unit.key] = FLOAT32_BYTES * (sizes.n_train + sizes.n_valid) * columns(unit, sizes)
        elif unit.kind == "factorize":
            p = columns(plan[unit.params["design"]], sizes)
            order = min(sizes.n_train, p)
            rows = sizes.n_train * order if order == p else 0
            found[unit.key] = FLOAT32_BYTES * (2 * (sizes.n_groups + 1) * order**2 + rows)
        elif unit.kind == "fit":
            p = columns(plan[unit.params["design"]], sizes)
            bands = len(unit.params.get("bands") or ())
            nested = sizes.n_train if unit.params.get("nested") else 0
            kept = 2 if unit.params.get("without") else 1  # of a band: its own, and all but it
            rows = p * keep_coef + sizes.n_valid * (1 + kept * bands) + nested
            found[unit.key] = FLOAT32_BYTES * rows * sizes.voxels[unit.params["subject"]]
    return found


def columns(design: Unit, sizes: Sizes) -> int:
    """Columns of a design; of a random projection, the Johnson-Lindenstrauss bound."""
    params: Mapping[str, Any] = design.params
    reduce = params["reduce"] or {}
    widths = [feature_width(space["feature"], sizes) for space in params["spaces"]]
    if "pca" in reduce:
        widths = [min(width, reduce["pca"]) for width in widths]
    width = sum(widths)
    delays = params["delays"]
    shifts = delays["end"] - delays["start"] + 1
    return width * shifts if delays["combine"] == "concat" else width


def feature_width(feature: Mapping[str, Any], sizes: Sizes) -> int:
    """Columns of a feature set; flattened, they are as many as the projection leaves."""
    width = sizes.width[feature["modality"], feature["model"]]
    if "reduce" not in feature:
        return width * (TOKENS_PER_TEXT if feature.get("tokens") == "flat" else 1)
    left = int(feature["reduce"]["components"])
    return left if feature.get("tokens") == "flat" else min(width, left)
