"""Frames and sound of the demo: made to fit the captions, small enough for any disk."""

from __future__ import annotations

import json
import wave
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from d2b_ray.arrays import Run

__all__ = ["FRAMES_A_SECOND", "SOUND_HZ", "write_frames", "write_sound"]

FRAMES_A_SECOND = 2  # noted in frames/rate.json; recordings without the file have 30
SIZE = (24, 32)  # rows, columns
SOUND_HZ = 8000


def write_frames(folder: Path, run: Run, levels: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """`<run>/frame_00000.png` and on: the place colours the ground, what is seen a patch on it."""
    own = folder / run.name
    own.mkdir(parents=True)
    (folder / "rate.json").write_text(json.dumps({"frames_a_second": FRAMES_A_SECOND}) + "\n")
    for frame in range(run.seconds * FRAMES_A_SECOND):
        second = frame // FRAMES_A_SECOND
        image = np.empty((*SIZE, 3), np.uint8)
        image[:] = _colour(levels["timePlace"][second][0])
        column = frame % (SIZE[1] - 8)
        image[8:16, column : column + 8] = _colour(levels["objectiveAnnot50chara"][second][0])
        Image.fromarray(image).save(own / f"frame_{frame:05d}.png")


def write_sound(folder: Path, run: Run, levels: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """`<run>.wav`, mono, 8 bit: a tone a sentence, silence in between."""
    folder.mkdir(parents=True, exist_ok=True)
    second = np.arange(SOUND_HZ) / SOUND_HZ
    parts: list[NDArray[np.uint8]] = []
    for (text,) in levels["speechTranscription"]:
        loud = 0 if text == ".." else 60
        pitch = 110 + _number(text) % 440
        parts.append((128 + loud * np.sin(2 * np.pi * pitch * second)).astype(np.uint8))
    with wave.open(str(folder / f"{run.name}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(SOUND_HZ)
        file.writeframes(np.concatenate(parts).tobytes())


def _number(text: str) -> int:
    return zlib.crc32(text.encode())


def _colour(text: str) -> tuple[int, int, int]:
    number = _number(text)
    return number & 255, number >> 8 & 255, number >> 16 & 255
