"""What a submitted job takes along: this code and the sweep as it is now, and nothing else.

The cluster needs the packages that d2b_ray depends on, not d2b_ray itself. Knows no ray.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from d2b_ray.engine.code import COMMIT_FILE, PACKAGE, code_now
from d2b_ray.spec import to_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from d2b_ray.spec import Sweep

__all__ = ["SPEC_NAME", "write_upload"]

SPEC_NAME = "sweep.yaml"


def write_upload(sweep: Sweep, folder: Path) -> None:
    """Fill an empty folder: the package, its metadata with the commit, and `sweep.yaml`."""
    shutil.copytree(
        PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    code = code_now()
    about = folder / f"d2b_ray-{code['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: d2b-ray\nVersion: {code['version']}\n"
    )
    if code["commit"]:
        (about / COMMIT_FILE).write_text(code["commit"])
    (folder / SPEC_NAME).write_text(to_yaml(sweep))
