"""What was seen and heard, as files of a data set: frames, video and sound of each run.

<folder>/frames/<run>/frame_00000.png ...   numbered images; <run> is Title_001
<folder>/frames/rate.json                   {"frames_a_second": 30}, which is also the default
<folder>/video/<run>.mp4                    or .mkv .mov .avi .webm .m4v
<folder>/audio/<run>.wav

Names only: what is in the files is read by `features`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, TypeAlias

from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from d2b_ray.arrays import RunTable

__all__ = ["MediaFolder", "Medium"]

Medium: TypeAlias = Literal["frames", "video", "sound"]
VIDEOS = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v")
USUAL_RATE = 30.0


class MediaFolder:
    """The media of the runs that have a role. Nothing is looked for before it is asked for."""

    def __init__(self, folder: Path, runs: RunTable) -> None:
        self.folder = folder
        self._runs = runs

    @property
    def seconds(self) -> dict[str, int]:
        """Length of each run, in the order of the run table."""
        return {run.name: run.seconds for run in self._runs.used}

    def paths(self, medium: Medium) -> dict[str, Path]:
        """Folder of frames, video file or wav file of each run; DataError if one is missing."""
        find: dict[Medium, Callable[[str], Path | None]] = {
            "frames": lambda run: _there(self.folder / "frames" / run),
            "video": lambda run: next(
                filter(None, (_there(self.folder / "video" / f"{run}{end}") for end in VIDEOS)),
                None,
            ),
            "sound": lambda run: _there(self.folder / "audio" / f"{run}.wav"),
        }
        wanted = {
            "frames": "frames/{}/ with numbered images",
            "video": "video/{}.mp4 (or " + " ".join(VIDEOS[1:]) + ")",
            "sound": "audio/{}.wav",
        }[medium]
        found = {run.name: find[medium](run.stimulus) for run in self._runs.used}
        missing = [run for run, path in found.items() if path is None]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise DataError(
                f"{self.folder}/{wanted.format(missing[0])}{more}: {medium} of {len(missing)} of "
                f"{len(found)} runs are missing; put them there, or leave out what reads {medium}"
            )
        return {run: path for run, path in found.items() if path is not None}

    @property
    def frames_a_second(self) -> float:
        """What frames/rate.json says; 30 without the file. DataError if it cannot be read."""
        path = self.folder / "frames" / "rate.json"
        if not path.is_file():
            return USUAL_RATE
        try:
            rate = float(json.loads(path.read_text(encoding="utf-8"))["frames_a_second"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise DataError(f"{path}: must hold {{'frames_a_second': number}} ({error})") from error
        if not 0 < rate < float("inf"):
            raise DataError(f"{path}: frames_a_second is {rate}; must be a number above 0")
        return rate


def _there(path: Path) -> Path | None:
    return path if path.exists() else None
