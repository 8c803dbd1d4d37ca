"""Where the folders of a sweep lie: addresses as the spec writes them, made absolute."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from d2b_ray.errors import SpecError

if TYPE_CHECKING:
    from d2b_ray.spec import Sweep

__all__ = [
    "BASE_VARIABLE",
    "address_of",
    "base_folder",
    "check_apart",
    "model_places",
    "relative_paths",
]

BASE_VARIABLE = "D2B_RAY_BASE"


def address_of(path: str) -> str:
    """A URL as it is, `~` as the shell has it; a relative path below `$D2B_RAY_BASE`, or the working folder.

    A submitted job runs in a copy of the folder that Ray deletes: there the variable must be set
    where the cluster is started, or the spec must say absolute paths. Raises SpecError otherwise.
    """
    if path.startswith("~"):
        whole = os.path.expanduser(path)
        if whole.startswith("~"):
            raise SpecError(
                f"{path!r}: there is no user {path.partition('/')[0]}; give an absolute path"
            )
        return whole
    scheme, _, rest = path.partition("://")
    if "@" in rest.partition("/")[0]:
        raise SpecError(
            f"{scheme}://...@{rest.rpartition('@')[2]}: keys and passwords have no place in an address, "
            "which is stored with the results; give them by the environment, a profile or a role"
        )
    if "://" in path or os.path.isabs(path):
        return path
    base = os.environ.get(BASE_VARIABLE)
    if base is None and "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        raise SpecError(
            f"{path!r} is relative, and a submitted job runs in a temporary copy; set "
            f"{BASE_VARIABLE}=/absolute/folder where the cluster is started, or give an absolute "
            f"path or an s3:// URL (--set output.root=...)"
        )
    return str(Path(base or Path.cwd()) / path)


def base_folder() -> str:
    """Where relative folders of models start: as `address_of`."""
    return os.environ.get(BASE_VARIABLE) or str(Path.cwd())


# of a data set, whose contents are listed: what is written there would pass for data
LISTED = ("responses", "voxels", "annotations", "stim_features", "derivatives", "stimuli", "fmri")


def check_apart(results: str, dataset_root: str) -> None:
    """SpecError if results would lie where data are looked for; a folder beside these is no harm."""
    if "://" in results:
        return
    inner, outer = Path(results).absolute(), Path(dataset_root).absolute()
    inside = inner.relative_to(outer).parts[:1] if inner.is_relative_to(outer) else ("beside",)
    if not inside or inside[0] in LISTED:
        raise SpecError(
            f"output.root {results} lies among the data (dataset.root {dataset_root}), where results "
            f"would be taken for them; give a folder of its own, such as {outer}/results"
        )


def model_places(sweep: Sweep) -> tuple[str, ...]:
    """Folders and files on this machine that feature blocks name as their models."""
    named = [model for block in sweep.features.values() for model in getattr(block, "model", ())]
    found = [Path(base_folder()) / Path(model).expanduser() for model in named]
    return tuple(dict.fromkeys(str(path) for path in found if path.exists()))


def relative_paths(sweep: Sweep) -> dict[str, str]:
    """Keys of a sweep whose paths start at the working folder, or at $D2B_RAY_BASE, with these paths."""
    named = {
        "dataset.root": sweep.dataset.root,
        "output.root": sweep.output.root,
        "output.features": sweep.output.features or "/",
        "resources.responses.folder": sweep.resources.responses.folder or "/",
    }
    for name, block in sweep.features.items():
        for model in getattr(block, "model", ()):
            if model.startswith(".") or Path(base_folder(), model).exists():
                named[f"features.{name}.model"] = model
    return {
        key: path
        for key, path in named.items()
        if "://" not in path and not path.startswith(("/", "~"))
    }
