"""Frames out of video files, by PyAV: what a player shows at the start and the middle of a second.

PyAV (`pip install av`) is wanted only here. A film is decoded once from start to end, not searched
frame by frame.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from d2b_ray.features.frames.reader import Frame

__all__ = ["VideoFiles"]

LEAP_S = 10.0  # further ahead, seeking is quicker than decoding what lies between
ROUNDING_S = 1e-4


@dataclass(slots=True)
class VideoFiles:
    """A video file a run; times are those of the file, whatever its frame rate.

    Of second s the frames on screen at s and s + ½ seconds after the first one. Seconds are read
    quickest in ascending order.
    """

    files: Mapping[str, Path]
    seconds: Mapping[str, int]
    threads: int = field(default=1, init=False)  # a film is one stream; PyAV decodes in threads
    _film: _Film | None = field(default=None, init=False, repr=False, compare=False)

    def check(self) -> None:
        """Raise ExtractionError without PyAV, and if a file is missing, damaged or too short."""
        for run, seconds in self.seconds.items():
            if run not in self.files:
                raise ExtractionError(
                    f"run {run!r}: no video file; there are files for {', '.join(self.files) or 'no run'}"
                )
            film = _Film(run, self.files[run])
            long = film.said_seconds
            film.close()
            if long is not None and long < seconds - 0.5:
                raise ExtractionError(
                    f"run {run!r}: {self.files[run]} lasts {long:.2f} s where the run lasts {seconds} s; "
                    "give the whole video"
                )

    def frames(self, run: str, second: int) -> list[Frame]:
        """The frames on screen at `second` and half a second later."""
        if self._film is None or self._film.run != run:
            if self._film is not None:
                self._film.close()
            self._film = _Film(run, self.files[run])
        return [self._film.at(second), self._film.at(second + 0.5)]


class _Film:
    """An open video file and the place in it: the frame on screen, and the one after it."""

    def __init__(self, run: str, path: Path) -> None:
        self.run = run
        self._path = path
        try:
            av: Any = importlib.import_module("av")
        except ImportError as error:
            raise ExtractionError(
                f"{path}: video files need PyAV, which is not installed; run pip install av, or give "
                "a folder of PNG frames a run"
            ) from error
        self._errors = (av.FFmpegError, OSError)
        try:
            self._file = av.open(str(path))
            self._stream = self._file.streams.video[0]
        except (*self._errors, IndexError) as error:
            raise self._unreadable(error) from error
        self._shown: Any = None
        self._next: Any = None
        self._stream.thread_type = "AUTO"
        self._start_s = float((self._stream.start_time or 0) * self._stream.time_base)
        self._rewind(0.0)

    @property
    def said_seconds(self) -> float | None:
        """Length as the file says it, None if it does not."""
        if self._stream.duration:
            return float(self._stream.duration * self._stream.time_base)
        return self._file.duration / 1e6 if self._file.duration else None

    def at(self, time_s: float) -> Frame:
        """The last frame that starts no later than `time_s` after the first."""
        if self._shown is not None and not 0 <= time_s - self._time(self._shown) <= LEAP_S:
            self._rewind(time_s)
        try:
            while self._next is not None and (
                self._shown is None or self._time(self._next) <= time_s + ROUNDING_S
            ):
                self._shown, self._next = self._next, next(self._decoded, None)
        except self._errors as error:
            raise self._unreadable(error) from error
        ended = self._next is None and self._shown is not None
        if self._shown is None or (ended and time_s >= self._time(self._shown) + self._frame_s):
            raise ExtractionError(
                f"run {self.run!r}: {self._path} ends before {time_s:g} s; give the whole video"
            )
        made: Frame = self._shown.to_ndarray(format="rgb24")
        return made

    def close(self) -> None:
        self._file.close()

    def _rewind(self, time_s: float) -> None:
        try:
            place = int((time_s + self._start_s) / self._stream.time_base)
            self._file.seek(place, stream=self._stream, backward=True)
            self._decoded: Iterator[Any] = (
                frame for frame in self._file.decode(self._stream) if frame.pts is not None
            )
            self._shown, self._next = None, next(self._decoded, None)
        except self._errors as error:
            raise self._unreadable(error) from error

    def _time(self, frame: Any) -> float:
        return float(frame.time) - self._start_s

    @property
    def _frame_s(self) -> float:
        """How long a frame stays; the last of a film, half a second at least: lengths are rounded."""
        rate = self._stream.average_rate
        return max(0.5, 1 / float(rate)) if rate else 0.5

    def _unreadable(self, error: BaseException) -> ExtractionError:
        reason = getattr(error, "strerror", None) or str(error) or "no video stream"
        return ExtractionError(
            f"run {self.run!r}: {self._path} cannot be read as video ({reason}); give a file that "
            "ffmpeg can decode, or a folder of PNG frames"
        )
