"""Whose features lie in a folder: not all options are in its name, and studies may share a features root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.errors import DataError
from d2b_ray.plan.keys import feature_key
from d2b_ray.store.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.store.files import Store

__all__ = ["check_mark", "mark_features", "marked_for_other", "read_mark"]


def read_mark(store: Store, params: Mapping[str, Any], layer: int) -> dict[str, Any] | None:
    """What lies in the folder of a layer of a feature set; None for features that came from elsewhere."""
    path = Layout.feature_mark(params, layer)
    if not store.exists(path):
        return None
    found: dict[str, Any] = store.read_json(path)
    return found


def mark_features(store: Store, params: Mapping[str, Any], layer: int, inputs: str) -> None:
    """Claim the folder, before its files are replaced; `inputs` digest of what they are made of."""
    value = {
        "features": feature_key(params, layer),
        "set": params,
        "layer": layer,
        "inputs": inputs,
    }
    store.write_json(Layout.feature_mark(params, layer), value)


def marked_for_other(store: Store, params: Mapping[str, Any], layer: int, inputs: str) -> bool:
    """Whether the folder was claimed for other options, or for the same of other stimuli or weights."""
    mark = read_mark(store, params, layer)
    if mark is None:
        return False
    same = mark.get("inputs", inputs) == inputs  # marks once had none
    return mark["features"] != feature_key(params, layer) or not same


def check_mark(store: Store, params: Mapping[str, Any], layer: int) -> None:
    """DataError if another study has replaced the features of a layer that are about to be read."""
    mark = read_mark(store, params, layer)
    if mark is not None and mark["features"] != feature_key(params, layer):
        other = {key: value for key, value in mark["set"].items() if value != params.get(key)}
        raise DataError(
            f"{store.url}/{Layout.feature_folder(params, layer)}: another study has put its features "
            f"here ({', '.join(f'{k}: {v}' for k, v in other.items()) or 'with fewer options'}); run this "
            "one again to have its own made anew, or give one of the two an output.features of its own"
        )
