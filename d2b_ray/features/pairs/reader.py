"""Frames and captions -> the distinct pairs a model has to see, and where in time each of them stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.errors import ExtractionError
from d2b_ray.features.models.streams import keyed_frames
from d2b_ray.features.text.reader import ABSENT, Texts, collect_texts, is_silence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from d2b_ray.arrays import IntArray
    from d2b_ray.features.frames.reader import Frame, FrameReader, Scenes

__all__ = ["SILENCE", "captions_of", "distinct_pairs"]

SILENCE = ("read", "skip")
SPOKEN = "\0.."  # a silence that is to be read; no caption holds a zero byte


def captions_of(scenes: Scenes, silence: str) -> Texts:
    """Distinct captions of all runs, a second each.

    silence: `read` gives the text `..` to the model, as drama2brain does; `skip` counts it as
    missing. Raises ExtractionError if a run has captions and frames for unequal seconds.
    """
    frames = scenes.frames.seconds
    for run, seconds in frames.items():
        rows = len(scenes.captions.get(run, ()))
        if rows != seconds:
            raise ExtractionError(
                f"run {run!r}: {rows} seconds of captions and {seconds} of frames; both must have all "
                "seconds of the run"
            )
    captions = {run: scenes.captions[run] for run in frames}
    if silence == "skip":
        return collect_texts(captions, window=1, join="time")
    spoken = {
        run: [[SPOKEN if is_silence(text) else text for text in row] for row in rows]
        for run, rows in captions.items()
    }
    found = collect_texts(spoken, window=1, join="time")
    return Texts(tuple(".." if t == SPOKEN else t for t in found.texts), found.index)


def distinct_pairs(
    frames: FrameReader, run: str, seconds: range, texts: IntArray, order: list[list[int]]
) -> Iterator[tuple[Frame, list[int]]]:
    """Each frame of some seconds with the numbers of the texts it was not yet paired with.

    Args:
        frames: reader of frames.
        run: whose.
        seconds: of the run.
        texts: (seconds of the run, annotators) numbers of texts, -1 for none.
        order: filled on the way: of each second, the numbers of its pairs, -1 for none; pairs are
            numbered as they come.
    """
    numbers: dict[tuple[bytes, int], int] = {}
    for second, shown in zip(seconds, keyed_frames(frames, run, seconds), strict=True):
        order.append([])
        for key, frame in shown:
            new = []
            for text in texts[second].tolist():
                if text != ABSENT and (key, text) not in numbers:
                    numbers[key, text] = len(numbers)
                    new.append(text)
                order[-1].append(ABSENT if text == ABSENT else numbers[key, text])
            if new:
                yield frame, new
