"""Where and with what a sweep runs: all that is not part of any key. Small, frozen, picklable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from d2b_ray.data.choices import DataChoices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.store import Fence

__all__ = ["RunSettings", "Threads"]


@dataclass(frozen=True, slots=True)
class Threads:
    """CPU threads per kind of work.

    Fixed by the spec and equal in every engine: the order of summation in a matrix product, and so
    its last bit, depends on the number of threads.
    """

    extract: int = 1
    fit: int = 1
    permute: int = 1

    def of(self, kind: str) -> int:
        """Threads for a kind of unit."""
        if kind in ("shard", "extract"):
            return self.extract
        return self.fit if kind in ("design", "factorize", "fit") else self.permute


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Addresses and budgets that the steps need.

    `results` and `features` are store URLs, `dataset_root` a folder that every worker can read,
    `base` the folder that relative folders of models start from. `device` is "cpu", "cuda" or
    "auto" (the accelerator that was assigned, if any). `commit` of the code, for the records; `code`
    its digest, which a worker's must equal ("": not asked); `fence` ends all writing when another
    run has taken over. `keep_coef`: a fit's value has its coefficients, as they are saved.
    `reader` digest of the code that reads, plug-ins too. `responses` digest of each subject's files;
    what is made of them is kept in `responses_folder` of each machine (None: its temporary files),
    `responses_bytes` at most. `models` are folders and files that extraction reads. `nulls_on_gpu`: a fit on
    a GPU draws its null there. `choices` say how the data set is opened, `treatment` what is done with the
    responses of each run.
    """

    sweep: str
    layout: str
    dataset_root: str
    results: str
    features: str
    split: str
    base: str
    device: str = "auto"
    batch_tokens: int = 16384
    memory_budget_bytes: int = 1 << 30
    threads: Threads = Threads()
    commit: str | None = None
    code: str = ""
    choices: DataChoices = field(default_factory=DataChoices)
    treatment: Mapping[str, Any] = field(default_factory=dict)
    bad_voxels: Literal["drop", "error"] = "drop"
    keep_coef: bool = True
    nulls_on_gpu: bool = True
    reader: str = ""
    responses: Mapping[str, str] = field(default_factory=dict)
    responses_folder: str | None = None
    responses_bytes: int | None = None
    fence: Fence | None = None
    models: tuple[str, ...] = ()
