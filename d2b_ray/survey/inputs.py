"""What features and fits are made of: where features are, and fingerprints of all inputs.

Reads small files, headers and listings; large files once (`store.fingerprints`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.data.dataset import words_of
from d2b_ray.data.lengths import check_rows
from d2b_ray.data.npy import first_not_finite, npy_shape
from d2b_ray.errors import DataError, ExtractionError
from d2b_ray.features import fingerprint, resolve
from d2b_ray.features.stimuli import check, media_of, stimuli
from d2b_ray.plan import FeatureLayer, digest, feature_key
from d2b_ray.store import Layout, Store, fingerprint_files
from d2b_ray.store.hash_cache import HashCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from d2b_ray.data import Dataset
    from d2b_ray.data.lengths import ExtraRows
    from d2b_ray.plan import Unit

__all__ = ["GIVEN", "RELEASE", "Inputs", "response_digest"]

GIVEN = "given"  # instead of a store's URL: features that their modality reads as they lie
RELEASE = "release"  # instead of a store's URL: the features of the public release


class Inputs:
    """Collects, unit by unit.

    `features` by feature key: where each layer is or will be, and fingerprints of its inputs.
    """

    def __init__(
        self,
        dataset: Dataset,
        features_url: str,
        base: str,
        extra_rows: ExtraRows,
        say: Callable[[str], None],
    ) -> None:
        self.dataset = dataset
        self.extra_rows = extra_rows
        self.features_url = features_url
        self.base = base
        self.features: dict[str, FeatureLayer] = {}
        self._files: dict[str, str] = {}
        self._say = say
        self._cache = HashCache()
        self._models: dict[tuple[str, str, bool], tuple[str, str]] = {}
        self._checked: set[str] = set()
        self._own = Store(str(dataset.feature_root))
        self._runs = digest({run.name: run.described for run in dataset.runs.runs})
        self._used = dataset.runs.used

    def look_at_features(self, unit: Unit) -> None:
        """Where each wanted layer is or will be, and what it is made of.

        Raises D2BError for stimuli and models that are not there, and for features that do not fit.
        """
        modality = MODALITIES[unit.params["modality"]]
        if modality.reading:
            files = self._fingerprints(modality.files(self.dataset, unit.params))
            own = {
                "runs": self._runs,
                modality.word or "words": digest(dict(enumerate_names(files))),
            }
            for layer in unit.layers:
                self.features[feature_key(unit.params, layer)] = FeatureLayer(
                    GIVEN, own, given=True
                )
            return
        missing = [layer for layer in unit.layers if not self._lies_ready(unit, layer)]
        if not missing:
            return
        inputs = {"runs": self._runs} | self._stimuli(unit)
        name, found = self._model(unit, missing)
        inputs[f"model {name}"] = found
        for layer in missing:
            key = feature_key(unit.params, layer)
            self.features[key] = FeatureLayer(self.features_url, inputs)

    def _stimuli(self, unit: Unit) -> dict[str, str]:
        """Fingerprints of captions and media, which must be as long as the runs."""
        inputs: dict[str, str] = {}
        for need in media_of(unit.params):
            if need == "words":
                folder, level = words_of(self.dataset), unit.params["annotation"]
                for run in self._used:
                    folder.read(run, level)
                inputs[need] = digest(
                    dict(enumerate_names(self._fingerprints(folder.files(level))))
                )
            elif need == "captions":
                level = unit.params["annotation"]
                if level not in self.dataset.levels():
                    raise DataError(
                        f"features: the data set has no annotation {level!r}; it has: "
                        f"{', '.join(self.dataset.levels()) or 'none'}"
                    )
                files = self._fingerprints(self.dataset.caption_files(level))
                inputs["captions"] = digest(dict(enumerate_names(files)))
            else:
                paths = self.dataset.media.paths(need)  # type: ignore[arg-type]  # by `media_of`
                files = self._fingerprints(str(path) for path in paths.values())
                found = dict(enumerate_names(files))
                if need == "frames":
                    found["rate"] = str(self.dataset.media.frames_a_second)
                inputs[need] = digest(found)
        if inputs.keys() - {"captions", "words"} and digest(inputs) not in self._checked:
            check(stimuli(self.dataset, unit.params))
            self._checked.add(digest(inputs))
        return inputs

    def _model(self, unit: Unit, missing: Sequence[int]) -> tuple[str, str]:
        """Name and fingerprint of a unit's model; ExtractionError if it is not there."""
        params = unit.params
        trusted = bool(params.get("trust_remote_code"))
        key = (params["modality"], params["model"], trusted)
        if key not in self._models:
            try:
                source = resolve(
                    params["model"], self.base, params["modality"], remote_code=trusted
                )
            except ExtractionError as error:
                raise ExtractionError(f"{error}{self._what_lies_there(unit, missing)}") from error
            self._models[key] = (source.name, fingerprint(source))
        return self._models[key]

    def _what_lies_there(self, unit: Unit, missing: Sequence[int]) -> str:
        """What is lacking of features that were brought along, if that may be what was meant."""
        paths = self._paths(unit, missing[0]).values()
        lacking = [path for path in paths if not self._own.exists(path)]
        if len(lacking) == len(paths):
            folder = Layout.feature_folder(unit.params, missing[0])
            return f"; features that lie ready would be in {self._own.url}/{folder}"
        return (
            f"; of its features in {self._own.url}, {len(lacking)} of {len(paths)} runs are missing, "
            f"the first is {lacking[0]}"
        )

    def _lies_ready(self, unit: Unit, layer: int) -> bool:
        """Whether all runs are in the data set's own tree, or in the release's; they must fit."""
        params, key = unit.params, feature_key(unit.params, layer)
        if MODALITIES[params["modality"]].clock:
            return False  # rows are of words, which no file beside them tells
        paths = self._paths(unit, layer)
        if all(self._own.exists(path) for path in paths.values()):
            root = self._own.url
            files = {run: Path(root) / path for run, path in paths.items()}
            shapes = {run: npy_shape(path) for run, path in files.items()}
            names = paths
        elif is_release(params):
            files = self.dataset.release.files(params["annotation"], params["model"], layer)
            if len(files) < len(self._used):
                return False
            root = RELEASE
            shapes = {run: self.dataset.release.shape(path) for run, path in files.items()}
            names = {run: path.name for run, path in files.items()}
        else:
            return False
        self._check_shapes(files, shapes)
        if root != RELEASE:
            for path in files.values():
                self._check_finite(path)
        known = self._fingerprints(str(path) for path in files.values())
        own = {names[run]: known[str(files[run])] for run in files}
        self.features[key] = FeatureLayer(root, own, given=True)
        return True

    def _check_shapes(
        self, files: Mapping[str, Path], shapes: Mapping[str, tuple[int, ...]]
    ) -> None:
        """A row a second of the run table at least, all of one width; DataError otherwise."""
        width = next(iter(shapes.values()))[-1:]
        for run in self._used:
            shape = shapes[run.name]
            if len(shape) != 2 or shape[0] < run.seconds or shape[1:] != width:
                expected = ", ".join(map(str, (run.seconds, *width)))
                raise DataError(
                    f"{files[run.name]}: features of shape {shape}; expected ({expected}): a row a "
                    f"second of run {run.name}, and as many columns as in the first run; correct the "
                    "file, or remove all of its folder to have it extracted"
                )
            check_rows(files[run.name], "features", shape, run.seconds, self.extra_rows)

    def _check_finite(self, path: Path) -> None:
        """DataError for the first row that is not finite; a file is read for it once."""
        stat = path.stat()
        place, state = f"{path.absolute()} finite", HashCache.state(stat)
        if self._cache.get(place, state) is not None:
            return
        row = first_not_finite(path)
        if row is not None:
            raise DataError(
                f"{path}: features hold values that are not finite, first in row {row}; correct the file, "
                "or remove all of its folder to have it extracted"
            )
        self._cache.put(place, state, "finite", stat.st_ctime_ns)

    def _paths(self, unit: Unit, layer: int) -> dict[str, str]:
        return {run.name: Layout.feature(unit.params, layer, run.name) for run in self._used}

    def _fingerprints(self, paths: Iterable[str]) -> dict[str, str]:
        """Fingerprints of files and folders, each looked at once."""
        paths = list(paths)
        new = [path for path in paths if path not in self._files]
        self._files |= fingerprint_files(new, self._say)
        return {path: self._files[path] for path in paths}

    def responses(self, subject: str, confounds: bool = False) -> str:
        """Digest of the files of a subject's responses, and of the confounds that are regressed out."""
        found = self._fingerprints(response_files(self.dataset, subject, confounds=confounds))
        return digest(dict(enumerate_names(found)))


def response_digest(dataset: Dataset, subject: str, *, confounds: bool = False) -> str:
    """As `Inputs.responses`, of the files as they are now."""
    files = response_files(dataset, subject, confounds=confounds)
    return digest(dict(enumerate_names(fingerprint_files(files))))


def response_files(dataset: Dataset, subject: str, *, confounds: bool) -> tuple[str, ...]:
    """All files that the treated responses of a subject are made of; DataError if one is missing."""
    found = dataset.response_files(subject)
    if not confounds:
        return found
    paths = [dataset.confounds(subject, run) for run in dataset.runs.recorded]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{missing[0]}: {len(missing)} files of confounds are missing, which "
            "dataset.responses.confounds asks for"
        )
    return (*found, *(str(path) for path in paths))


def is_release(params: Mapping[str, Any]) -> bool:
    """Whether a feature set may be one of the release: the mean over tokens, a second at a time."""
    wanted = {"tokens": "avg", "window": 1, "annotators": "ALL"}
    released = MODALITIES[params["modality"]].released and "reduce" not in params
    return released and all(params[key] == value for key, value in wanted.items())


def enumerate_names(files: Mapping[str, str]) -> list[tuple[str, str]]:
    """File names without their folder, so that a data set that was moved keeps its digest."""
    return [(path.rsplit("/", 1)[-1], value) for path, value in sorted(files.items())]
