"""Digests of model weights, to notice that a name now stands for other numbers. Opens no pickle."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import ExtractionError
from d2b_ray.features.models.sources import hub_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from d2b_ray.features.models.sources import ModelSource

__all__ = ["fingerprint", "identity"]

WEIGHTS = ".safetensors"
READ_WHOLE = (".json", ".txt", ".model")  # configuration, vocabularies, sentencepiece
CODE = ".py"  # counts where it may run
CHUNK = 1 << 20
CHUNKS = 16


def fingerprint(source: ModelSource) -> str:
    """What a model's weights are, as text that is equal for equal weights.

    Local folder: `sha256:` + digest of (name, size, content) of its configuration and tokenizer
    files and of `CHUNKS` stretches of 1 MiB of each `*.safetensors`, the first and the last among
    them (smaller files: all), and of its code if that may run. Other files, `*.bin` among them, are
    neither loaded nor read.
    File of word vectors: the same of that file alone.
    Hugging Face id: `<id>@<commit>` of the local cache; asked of the hub if the cache has none, so
    that it is the same before and after the weights come; `<id>` where that is impossible.
    A model that is no files: its `digest`. Raises ExtractionError if the folder is unreadable.
    """
    if source.digest:
        return source.digest
    if source.is_local:
        return _of_files(source, Path(source.location))
    config = hub_config(source.location)
    return f"{source.location}@{config.parent.name}" if config else source.location


def identity(source: ModelSource) -> dict[str, Any]:
    """What a loaded model was: `name`, `location`, `kind`, `fingerprint`, `revision` of the hub (None
    for a folder), and `weights`, the digest of its files whatever they are called."""
    config = None if source.is_local or source.digest else hub_config(source.location)
    folder = Path(source.location) if config is None else config.parent
    return {
        "name": source.name,
        "location": source.location,
        "kind": source.kind,
        "fingerprint": fingerprint(source),
        "revision": None if config is None else config.parent.name,
        "weights": source.digest or _of_files(source, folder),
    }


def _of_files(source: ModelSource, place: Path) -> str:
    digest = hashlib.sha256()
    try:
        for path in _files(place, (*READ_WHOLE, CODE) if source.remote_code else READ_WHOLE):
            digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
            for part in _parts(path, sampled=path.suffix == WEIGHTS or path == place):
                digest.update(part)
    except OSError as error:
        raise ExtractionError(
            f"model {source.name!r}: {error.filename} cannot be read ({error.strerror}); its folder "
            "must hold readable config.json, tokenizer or processor files and *.safetensors"
        ) from error
    return f"sha256:{digest.hexdigest()}"


def _files(place: Path, beside: tuple[str, ...]) -> list[Path]:
    if place.is_file():  # word vectors
        return [place]
    return [path for path in sorted(place.iterdir()) if path.suffix in (WEIGHTS, *beside)]


def _parts(path: Path, *, sampled: bool) -> Iterator[bytes]:
    """All of a small file; of larger weights, stretches at equal distances from first to last."""
    size = path.stat().st_size
    if not sampled or size <= CHUNK * CHUNKS:
        yield path.read_bytes()
        return
    with path.open("rb") as file:
        for number in range(CHUNKS):
            file.seek((size - CHUNK) * number // (CHUNKS - 1))
            yield file.read(CHUNK)
