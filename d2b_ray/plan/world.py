"""What a plan needs to know of the world: a small frozen carrier that the survey fills. Reads nothing.

The same carrier is what estimates and tests need: a plan is made of a sweep and a world, and of nothing
else, so that the same two always give the same units.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from d2b_ray.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FeatureLayer", "Sizes", "TextChoice", "World", "text_choice"]

TextChoice: TypeAlias = tuple[str, int, str, str]  # annotation, window, join, annotators


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a data set and of the models that a sweep names, from headers alone.

    `n_train`, `n_valid` rows of the split; `seconds` rows of all runs; `n_groups` CV folds;
    `voxels` by subject; `width` columns of an averaged feature by (modality, model); `depth` layers
    by the same, embeddings included; `texts` distinct texts by annotation (left out: one a second).
    """

    n_train: int
    n_valid: int
    seconds: int
    n_groups: int
    voxels: Mapping[str, int]
    width: Mapping[tuple[str, str], int]
    depth: Mapping[tuple[str, str], int]
    texts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeatureLayer:
    """One layer of a feature set: store URL `root` where its files are or will be.

    `inputs` fingerprints of what it is made of, by name; `given`: it came with the data set and is not
    made here; `made`: it was made here, of these inputs.
    """

    root: str
    inputs: Mapping[str, str]
    given: bool = False
    made: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """A data set, the models of a sweep, and what of its features is there already.

    `subjects` all of the data set, in order; `tr_s` seconds from sample to sample. `columns` what a
    random projection of eps leaves of rows of the whole data set. Runs: `run_seconds` of those that have
    a role, in order, and `run_table` the digest of all; `repeats` names those that show one validation
    stimulus, of each shown twice or more.
    `features` by `feature_key`; `responses` digest by subject. `texts` distinct texts
    by what chooses them, in the order of their appearance, where some are still to be read; `rows`
    of these, by `reading_key`, the layers that lie in the store by text. `counts` by key of a commit,
    how many of its permutations lie counted in the store.
    """

    subjects: tuple[str, ...]
    sizes: Sizes
    tr_s: float = field(default=1.0, kw_only=True)
    columns: Mapping[float, int] = field(default_factory=dict)
    run_seconds: Mapping[str, int] = field(default_factory=dict)
    run_table: str = ""
    repeats: tuple[tuple[str, ...], ...] = ()
    features: Mapping[str, FeatureLayer] = field(default_factory=dict)
    responses: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[TextChoice, tuple[str, ...]] = field(default_factory=dict)
    rows: Mapping[str, Mapping[str, frozenset[int]]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def layers(self, modality: str, model: str) -> int:
        """Layers of a model, embeddings included."""
        return self.sizes.depth[modality, model]

    def projected(self, eps: float) -> int:
        """Columns that a projection of eps leaves; PlanError where the rows are not known."""
        if eps not in self.columns:
            raise PlanError(
                f"reduce: srp {eps} depends on the number of rows, which is not known here; give "
                "components"
            )
        return self.columns[eps]


def text_choice(params: Mapping[str, Any], annotators: str | None = None) -> TextChoice:
    """Which texts a feature set of captions is made of; of other `annotators` if they are given."""
    if "context" in params:  # words in time
        return params["annotation"], params["context"], "words", "ALL"
    chosen = params["annotators"] if annotators is None else annotators
    return params["annotation"], params["window"], params["join"], chosen
