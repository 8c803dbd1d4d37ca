"""Keys of units: SHA-256 of canonical JSON. Says how a key is made, not what belongs into one.

A key stands for what changes the numbers. Where and how a unit runs never enters it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["canonical", "digest", "feature_key", "unit_key"]

KEY_DIGITS = 32  # 128 bits: a clash among 10^9 units has a chance below 10^-20
DIGEST_DIGITS = 12  # 48 bits: guards against accidents, of which there are few


def canonical(value: Any) -> str:
    """JSON with sorted keys, no blanks, ASCII only; equal values give equal text.

    Raises ValueError for NaN and infinities, TypeError for what JSON cannot hold.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def digest(mapping: Mapping[str, Any]) -> str:
    """12 hexadecimal digits of the SHA-256 of the canonical JSON; the order of keys is nothing."""
    text = canonical(dict(mapping))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:DIGEST_DIGITS]


def unit_key(kind: str, params: Mapping[str, Any]) -> str:
    """Key of a unit: 32 hexadecimal digits of the SHA-256 of `{"kind": kind, "params": params}`."""
    text = canonical({"kind": kind, "params": params})
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:KEY_DIGITS]


def feature_key(params: Mapping[str, Any], layer: int) -> str:
    """Key of one layer (1 = embeddings) of a feature set whose extract unit has these params.

    Records of features are kept under this key, so that a layer added later costs that layer only.
    """
    return unit_key("feature", {"set": params, "layer": layer})
