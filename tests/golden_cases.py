"""Where the golden cases lie, and how to open one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden"


def arrays(case: str) -> dict[str, np.ndarray]:
    """All arrays of a numeric case."""
    with np.load(GOLDEN / "numerics" / case / "arrays.npz", allow_pickle=False) as found:
        return dict(found)


def description(case: str) -> dict:
    """What case.json says."""
    return json.loads((GOLDEN / "numerics" / case / "case.json").read_text())
