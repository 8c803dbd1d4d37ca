"""What the layouts share: a folder with a run table, captions, words, media, and features that lie ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.data.captions import CaptionFolder
from d2b_ray.data.media import MediaFolder
from d2b_ray.data.release import ReleaseFeatures
from d2b_ray.data.word_tables import WordFolder

if TYPE_CHECKING:
    from pathlib import Path

    from d2b_ray.arrays import Run, RunTable
    from d2b_ray.data.lengths import ExtraRows

__all__ = ["DataFolder"]


class DataFolder:
    """All but the responses. A layout gives `runs`, and what is left of `data.Dataset`.

    <root>/annotations/     captions (`captions`)
    <root>/words/           words in time (`word_tables`)
    <root>/stimuli/         frames, video, sound (`media`)
    <root>/events/<subject>/<run>.tsv, <root>/confounds/<subject>/<run>.tsv
    <root>/stim_features/, <root>/derivatives/feature/      features that lie ready
    """

    extra_rows: ExtraRows = "error"

    def __init__(self, root: Path, runs: RunTable) -> None:
        self.root = root
        self._runs = runs
        self._captions = CaptionFolder(root / "annotations", runs)
        self.media = MediaFolder(root / "stimuli", runs)
        self.words = WordFolder(root / "words", runs)
        self.release = ReleaseFeatures(root, runs)

    @property
    def runs(self) -> RunTable:
        """The run table."""
        return self._runs

    @property
    def feature_root(self) -> Path:
        """Folder in which a tree `stim_features` and features of one's own may lie."""
        return self.root

    def levels(self) -> tuple[str, ...]:
        """Caption levels that exist, sorted."""
        return self._captions.levels()

    def captions(self, run: Run, level: str) -> list[list[str]]:
        """Captions of a run: a row a second, a column an annotator."""
        return self._captions.read(run, level, self.extra_rows)

    def caption_files(self, level: str) -> tuple[str, ...]:
        """Paths of a level's caption files."""
        return self._captions.files(level)

    def events(self, subject: str, run: Run) -> Path:
        """File of the events of a run, which need not be there."""
        return self.root / "events" / subject / f"{run.name}.tsv"

    def confounds(self, subject: str, run: Run) -> Path:
        """File of the nuisance regressors of a run, which need not be there."""
        return self.root / "confounds" / subject / f"{run.name}.tsv"
