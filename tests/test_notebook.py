"""The notebook runs from its first cell to its last, on results of this program."""

from __future__ import annotations

import ast
import json
from pathlib import Path

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "results.ipynb"


def test_its_cells_run(inline_store, tmp_path, monkeypatch):
    """On a small sweep in the place of the demo's."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "results").symlink_to(inline_store)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    last = None
    cells = [c for c in json.loads(NOTEBOOK.read_text())["cells"] if c["cell_type"] == "code"]
    assert all(not cell["outputs"] for cell in cells)
    for cell in cells:
        tree = ast.parse("".join(cell["source"]))
        ending = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(NOTEBOOK), "exec"), names)  # it is ours
        if ending is not None:
            last = eval(compile(ast.Expression(ending.value), str(NOTEBOOK), "eval"), names)
            assert last is not None
    found, spurious = last
    assert found > 0.9
    assert spurious < 0.1
    driven, noise = names["scores"][:50].mean(), names["scores"][50:].mean()
    assert driven > 0.5 > 0.2 > abs(noise)
