"""What every layout offers, and the door to a data set. Which layouts there are: `catalog.layouts`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from d2b_ray.catalog.layouts import LAYOUTS
from d2b_ray.data.choices import DataChoices
from d2b_ray.data.mirror import local_folder
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import FloatArray, Run, RunTable, Voxels
    from d2b_ray.data.lengths import ExtraRows
    from d2b_ray.data.media import MediaFolder
    from d2b_ray.data.release import ReleaseFeatures
    from d2b_ray.data.word_tables import WordFolder

__all__ = ["Dataset", "open_dataset", "words_of"]


class Dataset(Protocol):
    """A data set on disk. Opening reads small files only; responses are read when asked for."""

    extra_rows: ExtraRows
    """What becomes of rows behind the end of a run: refused, or cut (`lengths.check_rows`)."""

    @property
    def runs(self) -> RunTable:
        """The run table."""

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the subjects, in order."""

    @property
    def feature_root(self) -> Path:
        """Folder in which a tree `stim_features` may lie."""

    @property
    def media(self) -> MediaFolder:
        """Frames, video and sound of the runs."""

    @property
    def words(self) -> WordFolder:
        """Words in time of the runs."""

    @property
    def release(self) -> ReleaseFeatures:
        """Features of the public release, if they lie here."""

    def levels(self) -> tuple[str, ...]:
        """Caption levels that exist, sorted."""

    def captions(self, run: Run, level: str) -> list[list[str]]:
        """Captions of a run: a row a second, a column an annotator; `..` where there is none."""

    def caption_files(self, level: str) -> tuple[str, ...]:
        """Paths of the caption files of a level, for the runs that have a role."""

    def responses(self, subject: str, runs: Sequence[Run]) -> FloatArray:
        """Responses (samples of all runs, V) float32, overlaps dropped, runs stacked in order."""

    def response_files(self, subject: str) -> tuple[str, ...]:
        """Paths of a subject's responses and voxel files, for the runs that have a role."""

    def voxels(self, subject: str) -> Voxels:
        """Where the columns of the responses lie, and their ROIs."""

    def events(self, subject: str, run: Run) -> Path:
        """File of the events of a run, which need not be there."""

    def confounds(self, subject: str, run: Run) -> Path:
        """File of the nuisance regressors of a run, which need not be there."""


def words_of(dataset: Dataset) -> WordFolder:
    """Words in time of a data set; DataError for a layout (of a plug-in) that has none."""
    found: WordFolder | None = getattr(dataset, "words", None)
    if found is None:
        raise DataError(f"layout {type(dataset).__name__} has no words in time")
    return found


def open_dataset(layout: str, root: str, choices: DataChoices | None = None) -> Dataset:
    """Open the data set at `root`, a folder or a URL; what `choices` leave open is as the layout has it.

    Raises DataError when it is not there or not of that layout, or for choices that it does not take.

    SpecError for a plug-in that cannot be imported.
    """
    if layout not in LAYOUTS:
        raise DataError(f"layout {layout!r} does not exist; allowed: {', '.join(LAYOUTS.names)}")
    folder = local_folder(root) if "://" in root else Path(root)
    if not folder.is_dir():
        raise DataError(
            f"dataset.root {root} is not a folder; correct it (a demo data set is made by "
            "`d2b-ray demo-data DIR`)"
        )
    choices = choices or DataChoices()
    opener: Any = LAYOUTS[layout]
    for name in choices.options:
        if name not in getattr(opener, "options", ()):
            raise DataError(f"dataset.{name}: layout {layout} does not take it; leave it out")
    dataset: Dataset = opener(folder, **choices.options)
    if choices.extra_rows is not None:
        dataset.extra_rows = choices.extra_rows
    for name in dataset.subjects:
        if not name.isprintable() or name != name.strip() or "/" in name:
            raise DataError(
                f"dataset.root {root}: subject {name!r} cannot be a folder's name in the results: it must "
                "be of printable characters, without '/' and blanks around it; rename it"
            )
    return dataset
