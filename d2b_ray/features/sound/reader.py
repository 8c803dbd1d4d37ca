"""Sound out of wav files: one channel, at the rate a model wants, cut to the seconds of the run."""

from __future__ import annotations

import warnings
import wave
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from d2b_ray.arrays import Array, FloatArray

__all__ = ["WavFiles", "resampled", "segments"]

PARTLY_S = 0.5  # a last second that is at least half there is filled up


@dataclass(frozen=True, slots=True)
class WavFiles:
    """A wav file a run: PCM of 8 to 32 bits or float, any rate, any number of channels."""

    files: Mapping[str, Path]
    seconds: Mapping[str, int]

    def check(self) -> None:
        """Raise ExtractionError if a file is missing, or its header says that it is too short."""
        for run in self.seconds:
            if run not in self.files:
                raise ExtractionError(
                    f"run {run!r}: no wav file; there are files for {', '.join(self.files) or 'no run'}"
                )
            try:
                with wave.open(str(self.files[run]), "rb") as file:
                    samples, rate = file.getnframes(), file.getframerate()
            except (OSError, EOFError) as error:
                raise _unreadable(run, self.files[run], error) from error
            except (wave.Error, ZeroDivisionError):  # the second: no channel or no bits
                continue  # float and extensible formats: `sound` reads them, and checks
            self._check_length(run, samples, rate)

    def sound(self, run: str, rate: int) -> FloatArray:
        """(seconds · rate,) float32: mean of the channels, resampled, cut, or filled up.

        What is longer than the run is cut; a last second that is at least half there is filled with
        the last sample, as drama2brain does. Raises ExtractionError for less, and for no wav.
        """
        path = self.files[run]
        own_rate, samples = _read(run, path)
        self._check_length(run, len(samples), own_rate)
        found = resampled(samples, own_rate, rate)[: self.seconds[run] * rate]
        return np.pad(found, (0, self.seconds[run] * rate - len(found)), mode="edge")

    def _check_length(self, run: str, samples: int, rate: int) -> None:
        seconds = self.seconds[run]
        if rate < 1:
            raise ExtractionError(
                f"run {run!r}: {self.files[run]} says that it has {rate} samples a second; give a wav "
                "file whose header is whole"
            )
        if not samples or samples / rate < seconds - PARTLY_S:
            raise ExtractionError(
                f"run {run!r}: {self.files[run]} lasts {samples / rate:.2f} s where the run lasts "
                f"{seconds} s; give the whole sound"
            )


def resampled(samples: FloatArray, from_rate: int, to_rate: int) -> FloatArray:
    """(n,) at `from_rate` -> (ceil(n · to / from),) at `to_rate`, by a polyphase filter."""
    if from_rate == to_rate:
        return samples
    from scipy.signal import resample_poly

    common = gcd(from_rate, to_rate)
    made = resample_poly(samples, to_rate // common, from_rate // common)
    return np.asarray(made, dtype=np.float32)


def segments(samples: FloatArray, rate: int, window: int) -> Array:
    """(seconds, window · rate): row s is what was heard in the `window` seconds up to s + 1.

    At the start, the first second is put in front as often as seconds are lacking.
    """
    heard = np.concatenate([*[samples[:rate]] * (window - 1), samples])
    windows: Array = np.lib.stride_tricks.sliding_window_view(heard, window * rate)[::rate]
    return windows  # a view: a row is copied when it is taken


def _read(run: str, path: Path) -> tuple[int, FloatArray]:
    """(rate, mean of the channels) with full scale 1."""
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            # Chunks with titles and markers are not sound.
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            rate, values = wavfile.read(path)
    except Exception as error:  # a header can be cut or wrong in many ways
        raise _unreadable(run, path, error) from error
    if values.dtype == np.uint8:
        offset, scale = 128.0, 128.0
    elif np.issubdtype(values.dtype, np.integer):
        offset, scale = 0.0, -float(np.iinfo(values.dtype).min)
    else:
        offset, scale = 0.0, 1.0
    mono = values if values.ndim == 1 else values.mean(axis=1, dtype=np.float64)
    return int(rate), ((mono - np.float32(offset)) / np.float32(scale)).astype(np.float32)


def _unreadable(run: str, path: Path, error: Exception) -> ExtractionError:
    reason = getattr(error, "strerror", None) or str(error).partition("\n")[0] or "it is cut short"
    return ExtractionError(
        f"run {run!r}: {path} cannot be read ({reason}); give a wav file of PCM or float samples"
    )
