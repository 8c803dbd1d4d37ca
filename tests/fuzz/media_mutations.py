"""Ways to spoil what models read, and the models: frames, films, sound, captions, weights, configurations."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

from harness import Case, Workshop
from mutations import JSONS, VALUES, choose, flip, places

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

__all__ = ["MEDIA_CASES"]

RATES = ("1e400", "0", "-1", "NaN", "null", '"x"', "true", "1e-9", "1e9", "[2]", "{}", "2.5")
WAV_FIELDS = {
    "size": (4, "<I"), "format": (20, "<H"), "channels": (22, "<H"), "rate": (24, "<I"),
    "bytes a second": (28, "<I"), "block": (32, "<H"), "bits": (34, "<H"), "data": (40, "<I"),
}  # fmt: skip
LENGTHS = (0, 1, 3, 7, 255, 65535)
HEADERS = (
    b"", b"5", b"-1 24", b"5 0", b"5 99999999", b"99999999 24", b"x y", b"5 24 3", b"5 25", b"4 24", b"6 24",
)  # fmt: skip
CONFIGS = ("config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json")


def only(name: str, change: Callable[[Workshop, np.random.Generator], None]) -> Any:
    """The mutation, and a sweep of one feature block."""

    def changed(shop: Workshop, rng: np.random.Generator) -> list[str]:
        change(shop, rng)
        return ["--set", f"fits.0.features=[{name}]", "--engine", "inline"]

    return changed


def bytes_of(pattern: str) -> Callable[[Workshop, np.random.Generator], None]:
    """Bytes of a file changed, all of them gone, or the file."""

    def change(shop: Workshop, rng: np.random.Generator) -> None:
        file, way = shop.pick(rng, pattern), float(rng.random())
        if way < 0.15:
            file.unlink()
        else:
            file.write_bytes(b"" if way < 0.25 else flip(file.read_bytes(), rng))

    return change


def cut(pattern: str) -> Callable[[Workshop, np.random.Generator], None]:
    """A file ends before its last third."""

    def change(shop: Workshop, rng: np.random.Generator) -> None:
        file = shop.pick(rng, pattern)
        content = file.read_bytes()
        file.write_bytes(content[: int(rng.integers(len(content) * 2 // 3))])

    return change


def rate(shop: Workshop, rng: np.random.Generator) -> None:
    """Another number of frames a second, or none."""
    text = choose(rng, RATES)
    file = shop.data / "stimuli" / "frames" / "rate.json"
    file.write_text(text if rng.random() < 0.2 else f'{{"frames_a_second": {text}}}')


def wav_field(shop: Workshop, rng: np.random.Generator) -> None:
    """A number in the head of a sound file is another."""
    file = shop.pick(rng, "data/stimuli/audio/*.wav")
    place, form = WAV_FIELDS[choose(rng, sorted(WAV_FIELDS))]
    content = bytearray(file.read_bytes())
    struct.pack_into(form, content, place, choose(rng, LENGTHS))
    file.write_bytes(content)


def vector_header(shop: Workshop, rng: np.random.Generator) -> None:
    """The first line of word vectors says something else."""
    file = shop.folder / "models" / "words.txt"
    rest = file.read_bytes().partition(b"\n")[2]
    file.write_bytes(choose(rng, HEADERS) + b"\n" + rest)


def configuration(model: str) -> Callable[[Workshop, np.random.Generator], None]:
    """A value in a JSON file of a model is another, or the whole file is."""

    def change(shop: Workshop, rng: np.random.Generator) -> None:
        folder = shop.folder / "models" / model
        file = folder / choose(rng, [name for name in CONFIGS if (folder / name).is_file()])
        if rng.random() < 0.3:
            file.write_bytes(choose(rng, JSONS))
            return
        document = json.loads(file.read_text())
        path = choose(rng, [place for place in places(document) if 0 < len(place) < 4])
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        if rng.random() < 0.3 and isinstance(holder, dict):
            del holder[path[-1]]
        else:
            holder[path[-1]] = choose(rng, VALUES)
        file.write_text(json.dumps(document))

    return change


MEDIA_CASES = (
    Case("bytes of a frame", only("see", bytes_of("data/stimuli/frames/*/*.png")), verb="run"),
    Case("frames a second", only("see", rate), verb="run"),
    Case("bytes of a film", only("film", bytes_of("data/stimuli/video/*.mp4")), verb="run"),
    Case("bytes of a sound", only("hear", bytes_of("data/stimuli/audio/*.wav")), verb="run"),
    Case("the head of a sound", only("hear", wav_field), verb="run"),
    Case("bytes of captions", only("read", bytes_of("data/annotations/*.txt")), verb="run"),
    Case("bytes of word vectors", only("words", bytes_of("models/words.txt")), verb="run"),
    Case("the head of word vectors", only("words", vector_header), verb="run"),
    Case("a language model", only("read", bytes_of("models/bert/*")), verb="run"),
    Case("a language model's JSON", only("read", configuration("bert")), verb="run"),
    Case("a vision model", only("see", bytes_of("models/vit/*")), verb="run"),
    Case("a vision model's JSON", only("see", configuration("vit")), verb="run"),
    Case("an audio model's JSON", only("hear", configuration("ast")), verb="run"),
    Case("a model of both", only("both", bytes_of("models/git/*")), verb="run"),
    Case("a model of both's JSON", only("both", configuration("git")), verb="run"),
    Case("a frame, cut short", only("see", cut("data/stimuli/frames/*/*.png")), True, "run"),
    Case("a film, cut short", only("film", cut("data/stimuli/video/*.mp4")), True, "run"),
    Case("a sound, cut short", only("hear", cut("data/stimuli/audio/*.wav")), True, "run"),
    Case("captions, cut short", only("read", cut("data/annotations/*.txt")), True, "run"),
    Case("word vectors, cut short", only("words", cut("models/words.txt")), True, "run"),
    Case("weights, cut short", only("read", cut("models/bert/model.safetensors")), True, "run"),
    Case("a vision model, cut short", only("see", cut("models/vit/model.safetensors")), True, "run"),
)  # fmt: skip
