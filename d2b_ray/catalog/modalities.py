"""The table of modalities: what is fed to which kind of model. A modality is one file and a row here.

To add one, copy `d2b_ray/modalities/audio.py` and enter it below; from another package, name it in the
entry point group `d2b_ray.modalities`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, TypeAlias

from d2b_ray.catalog.table import Table
from d2b_ray.errors import SpecError

__all__ = ["MODALITIES", "Modality", "Need"]

Need: TypeAlias = Literal["captions", "frames", "sound", "words"]


@dataclass(frozen=True, slots=True)
class Modality:
    """What the package asks about a modality. Nothing that it names is imported before it is used."""

    block: type[Any]
    """Class of its options in a sweep, a `spec.FeatureBlock`."""
    extractor: str = ""
    """Module with `source`, `load` and `extract`, and `text_rows` where `shards` is `texts`."""
    needs: tuple[Need, ...] = ()
    """What of the data set it reads, in the order in which libraries are noted."""
    takes: tuple[str, ...] = ()
    """Names of the main input of the Hugging Face networks that it feeds."""
    shards: Literal["none", "runs", "texts"] = "none"
    """What extractors can share of a feature set: runs, or distinct texts unless rows are flat."""
    batch: Literal["none", "batch_tokens", "batch_size"] = "none"
    """Option of `extract` that bounds a forward pass: tokens, or pictures, pairs, stretches of sound."""
    layered: bool = True
    """Whether its models have layers; without them all is layer `NO_LAYER`."""
    released: bool = False
    """Whether features of the public release may lie ready."""
    tokens_a_second: int | None = 0
    """For estimates: tokens through the model a second of stimulus; None: as many as its texts have."""
    parts: int = 1
    """For estimates: states of the model side by side in a feature row (of image and text: 2)."""
    reading: str = ""
    """Instead of an extractor: module with `files`, `width` and `read`, of features that lie ready."""
    word: str = ""
    """What stands for the caption level then; '' where the block has an annotation."""
    clock: str = ""
    """`words`: rows of the extractor are words in time, not seconds."""
    sampling: str = "mean"
    """How rows come to samples where a sweep says nothing."""

    @property
    def stimulus(self) -> str:
        """What stands for the caption level where it reads no captions: `frames`, `sound`; else ''."""
        if self.reading:
            return self.word
        return "" if {"captions", "words"} & set(self.needs) else self.needs[0]

    @property
    def own_clock(self) -> bool:
        """Whether its rows are not a row a second."""
        return bool(self.reading or self.clock)

    def files(self, dataset: Any, params: Any) -> tuple[str, ...]:
        """Paths of all that a feature set that lies ready is read from; DataError if one is missing."""
        found: tuple[str, ...] = import_module(self.reading).files(dataset, params)
        return found

    def width(self, dataset: Any, params: Any) -> int:
        """Columns of a feature set that lies ready; DataError if it cannot be read or does not fit."""
        return int(import_module(self.reading).width(dataset, params))

    def read(self, dataset: Any, params: Any, run: Any) -> Any:
        """(rows (n, width) float32, `arrays.Clock`) of a run of a feature set that lies ready."""
        return import_module(self.reading).read(dataset, params, run)

    def source(self, model: str, base: str | None, modality: str) -> Any:
        """What a model's name stands for, layers and widths included: a `features.ModelSource`.

        Relative paths start at `base`; `modality` is the name of this row. Loads no weights. Raises
        ExtractionError for a model that is not there.
        """
        return self._code.source(model, base, modality)

    def load(self, source: Any, *, device: str, dtype: str) -> Any:
        """The model on `device`, ready to run: an object with its `source`.

        `dtype` is float32, float16 or bfloat16. All else is between `load` and `extract` of a row.
        """
        return self._code.load(source, device=device, dtype=dtype)

    def extract(self, model: Any, inputs: Any, **options: Any) -> Any:
        """Per run, in the order of the inputs: its name and {layer: (seconds, width) float32}.

        `inputs` as `features.stimuli` makes them of `needs`; `options`: `layers`, what `batch` names,
        and all keys of the block but those of the model and the stimuli.
        """
        return self._code.extract(model, inputs, **options)

    def text_rows(self, model: Any, texts: Any, **options: Any) -> Any:
        """{layer: (texts, width) float32} of distinct texts; options as `extract` has them."""
        return self._code.text_rows(model, texts, **options)

    @property
    def _code(self) -> Any:
        try:
            return import_module(self.extractor)
        except ImportError as error:
            if self.extractor.startswith(f"{__package__.partition('.')[0]}."):
                raise  # a defect of ours
            raise SpecError(
                f"{self.extractor}, which a modality is made by, cannot be imported ({error}); install "
                "what it needs on every machine"
            ) from error


MODALITIES: Table[Modality] = Table(
    "modality",
    "d2b_ray.modalities",
    {
        "semantic": "d2b_ray.modalities.semantic:MODALITY",
        "wordvectors": "d2b_ray.modalities.wordvectors:MODALITY",
        "vision": "d2b_ray.modalities.vision:MODALITY",
        "audio": "d2b_ray.modalities.audio:MODALITY",
        "vision_language": "d2b_ray.modalities.vision_language:MODALITY",
        "words": "d2b_ray.modalities.words:MODALITY",
        "surprisal": "d2b_ray.modalities.surprisal:MODALITY",
        "timedvectors": "d2b_ray.modalities.timedvectors:MODALITY",
        "wordrate": "d2b_ray.modalities.wordrate:MODALITY",
        "own": "d2b_ray.modalities.own:MODALITY",
        "events": "d2b_ray.modalities.events:MODALITY",
        "confounds": "d2b_ray.modalities.confounds:MODALITY",
    },
)
