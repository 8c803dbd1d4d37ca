"""The words for arrays, and the small frozen carriers that travel between rooms. Needs numpy only.

Axes are named the same everywhere: `n` samples (one a TR), `p` features, `V` voxels, `G` folds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "Band",
    "BandShares",
    "Clock",
    "Design",
    "Fit",
    "FloatArray",
    "IntArray",
    "NullCounts",
    "Role",
    "Run",
    "RunTable",
    "Split",
    "Voxels",
]

Array: TypeAlias = NDArray[Any]
FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]
Split: TypeAlias = Literal["all", "splitA", "splitB"]
Role: TypeAlias = Literal["TRAIN", "VALID", ""]


@dataclass(frozen=True, slots=True)
class Clock:
    """When each row of features holds, in seconds of the stimulus.

    `onset` (rows,) and `duration` (rows,); duration 0: a point in time (a word, at its middle). `scans`:
    the rows are the samples of the run already, and the clock is that of the scanner.
    """

    onset: NDArray[np.float64]
    duration: NDArray[np.float64]
    scans: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One recording. Its stimulus has `seconds` rows, a row a second; of its samples the first `overlap` go.

    At a TR of 1 s there are as many samples as seconds, and the first may repeat the end of the part
    before. `title` and 1-based `part` of what was shown; part 0: the run has a name only, `title`.
    `repeat_of` names the run whose stimulus was shown again, "" where it was new. `tr_s` seconds from
    sample to sample; `recorded` samples of the files, 0: as many as seconds; `cut_end` last samples that
    go, too; `shows` the name that files of its stimulus have, "": its own.
    """

    title: str
    part: int
    seconds: int
    overlap: int
    split_all: Role
    split_a: Role
    split_b: Role
    cv_group: int
    repeat_of: str = field(default="", repr=False)  # no fit depends on it
    tr_s: float = field(default=1.0, repr=False)
    recorded: int = field(default=0, repr=False)
    cut_end: int = field(default=0, repr=False)
    shows: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """File stem of the run in a feature tree: `Title_001`, or its name."""
        return f"{self.title}_{self.part:03d}" if self.part else self.title

    @property
    def stimulus(self) -> str:
        """Name that files of the stimulus have: words, captions, frames, sound."""
        return self.shows or self.name

    @property
    def scans(self) -> int:
        """Samples of the files."""
        return self.recorded or self.seconds

    @property
    def samples(self) -> int:
        """Samples that enter a fit: all but those cut from the start and the end."""
        return self.scans - self.overlap - self.cut_end

    @property
    def kept(self) -> slice:
        """Which samples of the files these are."""
        return slice(self.overlap, self.overlap + self.samples)

    @property
    def described(self) -> str:
        """All that fits depend on, as text for digests; of a run at a TR of 1 s, as it always was."""
        more = (self.tr_s, self.recorded, self.cut_end, self.shows)
        return repr(self) if more == (1.0, 0, 0, "") else f"{self!r} {more}"

    def role(self, split: Split) -> Role:
        """What the run is used for in a split: `TRAIN`, `VALID` or nothing."""
        return {"all": self.split_all, "splitA": self.split_a, "splitB": self.split_b}[split]


@dataclass(frozen=True, slots=True)
class RunTable:
    """All runs of an experiment in the fixed order of their titles."""

    runs: tuple[Run, ...]

    @property
    def tr_s(self) -> float:
        """Seconds from sample to sample, the same in all runs."""
        return self.runs[0].tr_s

    @property
    def used(self) -> tuple[Run, ...]:
        """Runs that have a role in any split, in table order."""
        return tuple(run for run in self.runs if run.split_all or run.split_a or run.split_b)

    @property
    def recorded(self) -> tuple[Run, ...]:
        """Runs whose responses are read: those with a role, and the repeats of these, in table order."""
        used = self.used
        shown = {run.repeat_of or run.name for run in used}
        return tuple(run for run in self.runs if run in used or run.repeat_of in shown)

    def repeats(self, split: Split) -> tuple[tuple[Run, ...], ...]:
        """Presentations of each validation stimulus that was shown twice or more, in table order."""
        shown: dict[str, list[Run]] = {run.repeat_of or run.name: [] for run in self.valid(split)}
        for run in self.recorded:
            if (run.repeat_of or run.name) in shown:
                shown[run.repeat_of or run.name].append(run)
        return tuple(tuple(runs) for runs in shown.values() if len(runs) > 1)

    def train(self, split: Split) -> tuple[Run, ...]:
        """Training runs, stably sorted by CV group, so that every fold is one slice of rows."""
        chosen = [run for run in self.runs if run.role(split) == "TRAIN"]
        return tuple(sorted(chosen, key=lambda run: run.cv_group))

    def valid(self, split: Split) -> tuple[Run, ...]:
        """Validation runs in table order."""
        return tuple(run for run in self.runs if run.role(split) == "VALID")


@dataclass(frozen=True, slots=True)
class Voxels:
    """Which voxels a subject's responses have, and where they lie.

    `index` (V,) 0-based flat position in the volume; `shape` of the volume or `()` when unknown,
    as Z, Y, X: `np.unravel_index(index, shape)` gives k, j, i, and i is fastest; `roi` (V,) label of
    each voxel, `""` outside all ROIs; `affine` (4, 4) from i, j, k to millimetres, if known.
    Of surfaces: `surface` vertices of the left and right hemisphere, in this order; of CIFTI, `axes` the XML
    that says where grayordinates lie. Of parcels: `parcels` (Z, Y, X) the label of each voxel of the volume,
    and `index` the labels of the columns. `template` that a volume is aligned to, such as
    MNI152NLin2009cAsym; empty if it is not known.
    """

    index: IntArray
    shape: tuple[int, ...]
    roi: NDArray[np.str_]
    affine: NDArray[np.float64] | None = None
    surface: tuple[int, ...] = ()
    axes: str = ""
    parcels: IntArray | None = None
    template: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """One feature space of a design: columns `start` to `stop`."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Design:
    """Delayed (and reduced) features of all training and validation rows.

    `train` (n, p) and `valid` (n_valid, p) float32, not centred; `groups` (n,) CV group of each training row,
    non-decreasing; `bands` cover the columns in order. `projections` a band: (k, p) matrix that
    reduced its features to k columns, None if it was not reduced; `shifts` how often the columns of
    a band are repeated, for delays side by side; `silent` numbers of bands that take part in the fit and
    not in what is predicted from it (nuisance).
    """

    train: FloatArray
    valid: FloatArray
    groups: IntArray
    bands: tuple[Band, ...]
    projections: tuple[FloatArray | None, ...] = ()
    shifts: int = 1
    silent: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BandShares:
    """What the bands of a banded fit have each, in the order of `names`.

    `r` (bands, V) share in the correlation, they add up to the joint one; `own_r` (bands, V) correlation
    of the band's own prediction, which is what its p-values are of; `gamma` (bands, V) weight
    of a band, its penalty is alpha / gamma; `prediction` (bands, n_valid, V), they add up too;
    `unique` (bands, V) explained variance r|r| that is lost without the band, and `without` (bands,
    n_valid, V) the predictions of the fits without it, each when asked for.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[int, int], ...]
    r: FloatArray
    own_r: FloatArray
    gamma: NDArray[np.float64]
    prediction: FloatArray
    unique: FloatArray | None = None
    without: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """One fitted encoding model.

    `r` (V,) correlation on the validation rows; `cv_r` (V,) best mean CV correlation; `alpha` (V,)
    chosen penalty; `coef` (p, V); `prediction` (n_valid, V). All float32 except `alpha` (float64).
    `intercept` (V,) is the mean response, which `prediction` (that of the bands, too) does not hold,
    so that a large baseline costs it no digits; None without one. `details` says which solver made
    it. `nested` (n, V): predictions of the training rows, less `intercept` too, by models that did
    not see their group, when asked for. `bands` of a banded fit. `kept` columns of the responses that
    these V voxels are, rising, where others were left out; None: all of them. `drawn` counts of null units,
    by key, that were drawn on the GPU of the fit; then `prediction` is empty, (0, V), unless it is saved.
    """

    r: FloatArray
    cv_r: FloatArray
    alpha: NDArray[np.float64]
    coef: FloatArray
    prediction: FloatArray
    details: dict[str, Any]
    nested: FloatArray | None = None
    bands: BandShares | None = None
    intercept: NDArray[np.float64] | None = None
    kept: IntArray | None = None
    drawn: dict[str, tuple[NullCounts, ...]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of its large arrays."""
        bands = self.bands
        split = () if bands is None else (bands.prediction, bands.without, bands.r, bands.own_r)
        arrays = (self.coef, self.prediction, self.nested, *split)
        return sum(array.nbytes for array in arrays if array is not None)


@dataclass(frozen=True, slots=True)
class NullCounts:
    """What is kept of a block of permutations: never the null itself.

    `exceed` (V,) how many null values reached the observed one, `above` how many were larger;
    `n_null` null values per voxel that were compared; `maxima` (N,) largest null correlation over
    all voxels, one a permutation, in the order of their index from `start`. `first` is the column that
    the first of these V voxels is of all that are tested: counts of some voxels are put together.
    """

    exceed: IntArray
    above: IntArray
    n_null: int
    maxima: FloatArray
    start: int
    first: int = 0
