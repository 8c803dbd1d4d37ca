"""Results of a sweep in Python, on disk or in a bucket: tables, arrays and images, read when asked for.

    results = d2b_ray.open_results("demo/results")
    results.fits                                            # a row a fit (pandas)
    results.voxels(subject="DM01", annotation="story")      # a row a voxel and fit
    results.array("cc", subject="DM01", annotation="story", layer=4)
    results.image("r", subject="DM01", annotation="story", layer=4)     # nibabel
    results.preferred("annotation", layer=4)                # a row a subject and voxel
    results.compare("annotation", "story", "speechTranscription")        # a row a pair, subject and region
    results.report()                                        # where the page is

Words that choose are columns of the table of fits; a list allows several values. Needs pandas; no Ray.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from d2b_ray.errors import DataError, SpecError
from d2b_ray.report.columns import COMPARISONS, FITS, table_of
from d2b_ray.report.maps import image_of, map_values, read_space
from d2b_ray.store import Layout, Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.arrays import Array

__all__ = ["Results", "open_results"]

ALSO = {
    "predictions": "preds_val",
    "predictions_nested": "preds_trn",
}  # their files are drama2brain's
MOST_VALUES = 8  # of a column, in a message


def open_results(root: str) -> Results:
    """The results below `root`, a folder or a URL. DataError where none are."""
    return Results(Store(str(root)))


class Results:
    """What a sweep has left in its output root. Opening reads nothing but that the tables are there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        if not store.exists(Layout.FITS):
            raise DataError(
                f"{store.address(Layout.FITS)} is not there: no sweep has ended in {store.url}, or its "
                "output.table is none"
            )

    def __repr__(self) -> str:
        return f"Results({self._store.url!r}: {self._table.num_rows} fits)"

    @property
    def url(self) -> str:
        """Where the results lie."""
        return self._store.url

    @cached_property
    def fits(self) -> Any:
        """A row a fit: a pandas DataFrame of tables/fits.parquet."""
        return self._table.to_pandas()

    @cached_property
    def comparisons(self) -> Any:
        """A row a pair of fits, subject and region: tables/comparisons.parquet; DataError without any."""
        if not self._store.exists(Layout.COMPARISONS):
            raise DataError(f"{self._store.url}: the sweep has no `compare`")
        return self._store.read_table(Layout.COMPARISONS).to_pandas()

    @cached_property
    def top_voxels(self) -> Any:
        """A row a fit, of its best voxels: tables/top_voxels.parquet; DataError without a `summary`."""
        return self._summary(Layout.TOP_VOXELS)

    @cached_property
    def top_voxels_tests(self) -> Any:
        """A row a pair of annotations, or models: tables/top_voxels_tests.parquet."""
        return self._summary(Layout.TOP_TESTS)

    @cached_property
    def generalisation(self) -> Any:
        """A row a fit, title or other subject, and region: tables/generalisation.parquet."""
        return self._summary(Layout.GENERALISATION, "generalise")

    @cached_property
    def weights_pca(self) -> Any:
        """A row a component of weights and band: tables/weights_pca.parquet."""
        return self._summary(Layout.WEIGHTS_PCA, "weights_pca")

    @cached_property
    def weights_pca_moments(self) -> Any:
        """A row a moment at an end of a component: tables/weights_pca_moments.parquet."""
        return self._summary(Layout.MOMENTS, "weights_pca")

    def _summary(self, path: str, block: str = "summary") -> Any:
        if not self._store.exists(path):
            raise DataError(f"{self._store.url}: the sweep has no `{block}`")
        return self._store.read_table(path).to_pandas()

    def voxels(self, **where: Any) -> Any:
        """A row a voxel and fit, of the fits that agree with `where`: a pandas DataFrame."""
        return self._of_fits(Layout.voxels, where)

    def bands(self, **where: Any) -> Any:
        """A row a voxel and band of the banded fits that agree with `where`."""
        return self._of_fits(Layout.bands, {**where, "_banded": True})

    def preferred(self, by: str, **where: Any) -> Any:
        """A row a subject and voxel: the value of `by` (layer, delay_start_s ...) that predicts it best.

        Of the fits that agree with `where`; by cv_r of the training runs, told with r. `lead` is how far
        cv_r is above that of the best other value. A DataFrame; SpecError unless fits have two values.
        """
        from d2b_ray.report.preferred import preferred_rows

        rows = self._chosen({**where})
        values = sorted({_words(row[self._column(by)]) for row in rows})
        if len(values) < 2:
            raise SpecError(
                f"{by}: fits must have two values to prefer one; they have {', '.join(values) or 'none'}"
            )
        return pa.Table.from_pylist(list(preferred_rows(rows, self._voxels_of, by))).to_pandas()

    def compare(self, by: str, first: Any, second: Any, **where: Any) -> Any:
        """r, and its difference, of fits that agree in all but `by`: `first` of one, `second` of the other.

        A row a pair, subject and region (roi empty: all voxels), and, subject empty, the paired test over
        subjects: columns of comparisons.parquet. Which voxels differ needs `compare` in the sweep.
        """
        from d2b_ray.report.pairs import pair_rows

        self._column(by)
        rows = self._chosen({**where, by: [first, second]})
        pairs = pair_rows(rows, self._voxels_of, by, (first, second), _words)
        return table_of(COMPARISONS, pairs).drop_columns(["better", "worse"]).to_pandas()

    def report(self) -> str:
        """Where the page of the sweep is; DataError where there is none."""
        if not self._store.exists(Layout.REPORT):
            raise DataError(f"{self._store.url}: no page; a run of its sweep makes it")
        return self._store.address(Layout.REPORT)

    def array(self, name: str, **where: Any) -> Array:
        """An array of one fit by the stem of its file: `cc`, `cv_cc`, `coef`, `preds_val` (`predictions`) ...

        SpecError unless `where` leaves one fit, or for an array that it has not.
        """
        fit = self.fit(**where)
        paths = [p for p in self._store.list(f"{fit['folder']}/") if p.endswith(".npy")]
        there = {path.rpartition("/")[2].removesuffix(".npy"): path for path in paths}
        suffix = "_".join([fit["reduction"], *self._endings(fit)])
        found = there.get(f"{ALSO.get(name, name)}_{suffix}")
        if found is None:
            own = sorted(stem.removesuffix(f"_{suffix}") for stem in there if stem.endswith(suffix))
            raise SpecError(
                f"{name!r}: the fit has no such array; it has {', '.join(own) or 'none'} (output.save)"
            )
        return self._store.read_array(found)

    def image(self, column: str = "r", **where: Any) -> Any:
        """A column of the table of voxels of one fit as a nibabel image; a list of them for hemispheres.

        SpecError unless `where` leaves one fit; DataError where it is not known where voxels lie.
        """
        fit = self.fit(**where)
        values = map_values(self._store, fit, column)
        return image_of(values, read_space(self._store, fit["subject"]), column)

    def fit(self, **where: Any) -> dict[str, Any]:
        """The row of the one fit that agrees with `where`; SpecError, saying more, for none or several."""
        rows = self._chosen(where)
        if len(rows) != 1:
            rest = rows or self._table.to_pylist()
            told = "; ".join(
                f"{name}: {', '.join(values[:MOST_VALUES])}"
                for name in FITS.names[1:12]
                if len(values := sorted({_words(row[name]) for row in rest})) > 1
            )
            raise SpecError(f"{len(rows)} fits are so; must be one: say {told}")
        return rows[0]

    @cached_property
    def _table(self) -> pa.Table:
        return self._store.read_table(Layout.FITS)

    def _endings(self, fit: dict[str, Any]) -> list[str]:
        split = [] if fit["split"] == "all" else [fit["split"]]
        return split + ([] if fit["label"] is None else [fit["label"]])

    def _chosen(self, where: dict[str, Any]) -> list[dict[str, Any]]:
        for name in where:
            self._column(name)
        wanted = {
            name: {
                _words(one) for one in (value if isinstance(value, list | tuple | set) else [value])
            }
            for name, value in where.items()
        }
        return [
            row
            for row in self._table.to_pylist()
            if all(_words(row[name]) in some for name, some in wanted.items())
        ]

    def _column(self, name: str) -> str:
        if name not in FITS.names:
            raise SpecError(
                f"{name}: is no column of the table of fits; allowed: {', '.join(FITS.names)}"
            )
        return name

    def _voxels_of(self, fit: Mapping[str, Any]) -> pa.Table:
        return self._store.read_table(Layout.voxels(fit["subject"], fit["fit"]))

    def _of_fits(self, path: Any, where: dict[str, Any]) -> Any:
        banded = where.pop("_banded", False)
        rows = [row for row in self._chosen(where) if not banded or row["bands"]]
        if not rows:
            raise SpecError(f"no fit is so: {where or 'there is none'}")
        tables = [self._store.read_table(path(row["subject"], row["fit"])) for row in rows]
        return pa.concat_tables(tables).unify_dictionaries().to_pandas()


def _words(value: Any) -> str:
    """A cell as text, as the command line has it: 3.0 is `3`, nothing is ``."""
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
