"""What was seen and heard, as extractors ask for it, and frames that lie as image files.

A reader knows its runs and their seconds, and hands out frames or sound; films are in `films`, wav
files in `sounds`. Anything with the same methods will do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray

    Frame: TypeAlias = NDArray[np.uint8]

__all__ = ["FrameReader", "ImageFolders", "Scenes", "SoundReader"]

SUFFIXES = (".png", ".jpg", ".jpeg")
NUMBER = re.compile(r"(\d+)$")
ROUNDING = 1e-6  # 0.5 s × 30/s must not become 14.999999
READERS = 4  # threads that decode image files


class FrameReader(Protocol):
    """Frames of runs."""

    @property
    def seconds(self) -> Mapping[str, int]:
        """Length by run, in the order of the runs."""

    @property
    def threads(self) -> int:
        """How many threads may call `frames` at once."""

    def check(self) -> None:
        """Raise ExtractionError if a run lacks frames; cheap, before a model runs."""

    def frames(self, run: str, second: int) -> list[Frame]:
        """The frames of a second (from 0) that stand for it, each (height, width, 3) uint8 RGB."""


class SoundReader(Protocol):
    """Sound of runs."""

    @property
    def seconds(self) -> Mapping[str, int]:
        """Length by run, in the order of the runs."""

    def check(self) -> None:
        """Raise ExtractionError if a run lacks sound; cheap, before a model runs."""

    def sound(self, run: str, rate: int) -> FloatArray:
        """(seconds[run] · rate,) float32, one channel, full scale 1, at `rate` samples a second."""


@dataclass(frozen=True, slots=True)
class Scenes:
    """What was shown, and what was said of it: `captions` run -> rows[second][annotator]."""

    frames: FrameReader
    captions: Mapping[str, Sequence[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class ImageFolders:
    """A folder of numbered images a run, `frames_a_second` of them; e.g. `frame_00000.png`.

    Of second s the first frame and the middle one: numbers floor(s·f) and floor((s + ½)·f), counted
    from the first image of the folder, whether its number is 0 or 1.
    """

    folders: Mapping[str, Path]
    seconds: Mapping[str, int]
    frames_a_second: float = 30.0
    threads: int = READERS
    _listed: dict[str, list[Path]] = field(default_factory=dict, repr=False, compare=False)

    def check(self) -> None:
        """Raise ExtractionError if a folder is missing or has too few frames, or gaps."""
        if not self.frames_a_second > 0:
            raise ExtractionError(
                f"frames_a_second: {self.frames_a_second} is not allowed; must be above 0"
            )
        for run, seconds in self.seconds.items():
            images = self._images(run)
            last = max(self._numbers(seconds - 1), default=-1) if seconds else -1
            if last >= len(images):
                raise ExtractionError(
                    f"run {run!r}: frame {last} is missing; {self.folders[run]} has {len(images)} "
                    f"frames, {len(images) / self.frames_a_second:.2f} s at {self.frames_a_second:g} "
                    f"a second, and the run lasts {seconds} s: add frames, or correct frames_a_second"
                )

    def frames(self, run: str, second: int) -> list[Frame]:
        """First and middle frame; the same one twice below two frames a second."""
        images = self._images(run)
        return [_read(images[number]) for number in self._numbers(second)]

    def _numbers(self, second: int) -> tuple[int, int]:
        first, middle = second * self.frames_a_second, (second + 0.5) * self.frames_a_second
        return int(first + ROUNDING), int(middle + ROUNDING)

    def _images(self, run: str) -> list[Path]:
        images = self._listed.get(run)
        if images is None:
            if run not in self.folders:
                raise ExtractionError(f"run {run!r}: no folder of frames; there are folders for "
                                      f"{', '.join(self.folders) or 'no run'}")  # fmt: skip
            images = _numbered(run, self.folders[run])
            self._listed.clear()  # one run at a time: all names of a study are 300 MB
            self._listed[run] = images
        return images


def _numbered(run: str, folder: Path) -> list[Path]:
    """Images by their number, which counts on without gaps."""
    numbers: dict[int, Path] = {}
    try:
        for path in folder.iterdir():
            match = NUMBER.search(path.stem)
            if path.suffix.lower() in SUFFIXES and match:
                numbers[int(match[1])] = path
    except OSError as error:
        raise ExtractionError(
            f"run {run!r}: frames in {folder} cannot be read ({error.strerror}); there must be a "
            "folder of numbered .png files a run"
        ) from error
    if not numbers:
        raise ExtractionError(
            f"run {run!r}: {folder} holds no frames; names end in the frame's number, such as "
            "frame_00000.png"
        )
    first = min(numbers)
    gap = next((n for n in range(first, first + len(numbers)) if n not in numbers), None)
    if gap is not None:
        raise ExtractionError(
            f"run {run!r}: {folder} has no frame {gap} although later ones are there; frames must "
            "be numbered without gaps, since their number gives their time"
        )
    return [numbers[number] for number in sorted(numbers)]


def _read(path: Path) -> Frame:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ExtractionError(
            f"{path}: no image that can be read ({reason}); write it again as PNG"
        ) from error
