"""The small BERT that most laws are tried on."""

from __future__ import annotations

import pytest
from text_cases import GOLDEN, load


@pytest.fixture
def bert():
    """The small BERT of the golden cases: 3 layers, width 32, at most 30 tokens."""
    return load(str(GOLDEN / "text_bert" / "model"))
