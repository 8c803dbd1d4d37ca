"""Columns of the tables: type, meaning and unit, which travel in the Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from d2b_ray.report.arrow import column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "BANDS", "COMPARISONS", "FITS", "GENERALISATION", "MOMENTS", "PLACE", "TIMINGS", "TOP_TESTS",
    "TOP_VOXELS", "VOXELS", "WEIGHTS", "table_of",
]  # fmt: skip

FAMILY_WISE = (
    "p-value corrected family-wise: by the maximum over voxels; of a parametric test, Holm's"
)
WORD = pa.dictionary(pa.int32(), pa.string())


def _column(name: str, kind: pa.DataType, meaning: str, unit: str = "") -> pa.Field:
    metadata = {"description": meaning} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, metadata=metadata)


_PLACE = [
    _column("annotation", WORD, "caption level the features were made of"),
    _column("model", WORD, "model the features come from"),
    _column("layer", pa.int16(), "layer of the model; 1 is the embeddings"),
    _column("modality", WORD, "modality of the features"),
    _column("bands", WORD, "names of the bands of a banded fit; empty for one feature space"),
    _column("delay_start_s", pa.float32(), "first delay of features against responses", "s"),
    _column("delay_end_s", pa.float32(), "last delay", "s"),
    _column("reduction", WORD, "raw, {k}PCs or {eps}eps"),
    _column("split", WORD, "column of the run table with the roles of runs"),
    _column("label", WORD, "label of the fit in the sweep"),
]

PLACE = tuple(field.name for field in _PLACE)  # by which fits of a subject are told apart

VOXELS = pa.schema(
    [
        _column("fit", WORD, "key of the fit, as in fits.parquet"),
        _column("subject", WORD, "subject"),
        *_PLACE,
        _column("voxel", pa.int32(), "column of the responses and of the .npy files, from 0"),
        _column("index", pa.int64(), "flat position in the volume, from 0, first axis fastest"),
        _column("i", pa.int16(), "position in the volume, fastest axis; empty if shape unknown"),
        _column("j", pa.int16(), "position in the volume, second axis"),
        _column("k", pa.int16(), "position in the volume, slowest axis"),
        _column("x", pa.float32(), "position in space; empty without an affine", "mm"),
        _column("y", pa.float32(), "position in space", "mm"),
        _column("z", pa.float32(), "position in space", "mm"),
        _column("roi", WORD, "region of interest; empty outside all"),
        _column("r", pa.float32(), "correlation of prediction and response, validation runs"),
        _column("r_low", pa.float32(), "lower end of the bootstrap interval of r"),
        _column("r_high", pa.float32(), "upper end of the bootstrap interval of r"),
        _column("ceiling", pa.float32(), "noise ceiling of r; fits.parquet names what it is from"),
        _column("r_normalised", pa.float32(), "r / ceiling; empty where the ceiling is below 0.1"),
        _column("cv_r", pa.float32(), "best mean correlation over the folds, training runs"),
        _column("alpha", pa.float64(), "chosen ridge penalty"),
        _column("p", pa.float64(), "p-value of the voxel alone"),
        _column("p_fdr", pa.float64(), "p-value corrected for the false discovery rate"),
        _column("p_fwe", pa.float64(), FAMILY_WISE),
        _column("significant", pa.bool_(), "corrected p-value at or below the level of the sweep"),
    ]
)

BANDS = pa.schema(
    [
        _column("fit", WORD, "key of the fit, as in fits.parquet"),
        _column("subject", WORD, "subject"),
        _column("band", WORD, "name of the band"),
        _column("voxel", pa.int32(), "column of the responses and of the .npy files, from 0"),
        _column("roi", WORD, "region of interest; empty outside all"),
        _column("r", pa.float32(), "share of the band in the joint correlation; they add up to it"),
        _column(
            "own_r", pa.float32(), "correlation of the band's own prediction; its p is of this"
        ),
        _column(
            "gamma",
            pa.float64(),
            "weight of the band; its penalty is alpha / gamma (solver stacking: its part in the stack)",
        ),
        _column("unique", pa.float32(), "explained variance r|r| that is lost without the band"),
        _column("unique_low", pa.float32(), "lower end of the bootstrap interval of unique"),
        _column("unique_high", pa.float32(), "upper end of the bootstrap interval of unique"),
        _column("p", pa.float64(), "p-value of the band's own prediction, voxel alone"),
        _column("p_fdr", pa.float64(), "p-value corrected for the false discovery rate"),
        _column("p_fwe", pa.float64(), FAMILY_WISE),
    ]
)

FITS = pa.schema(
    [
        _column("fit", pa.string(), "key of the fit"),
        _column("subject", WORD, "subject"),
        *_PLACE,
        _column("solver", WORD, "solver that made the fit"),
        _column("samples", pa.int32(), "training samples"),
        _column("validation_samples", pa.int32(), "samples that r is of"),
        _column("folds", pa.int16(), "CV groups, each held out once, that penalties are chosen by"),
        _column("features", pa.int32(), "columns of the design"),
        _column("voxels", pa.int32(), "voxels that were fitted"),
        _column("left_out", pa.int32(), "voxels left out: not finite, or the same all the time"),
        _column("at_ends", pa.int32(), "voxels whose penalty is the smallest or largest on offer"),
        _column("tr_s", pa.float32(), "seconds from sample to sample", "s"),
        _column("responses", WORD, "what was done with the responses of each run"),
        _column("test", WORD, "test of the correlations"),
        _column("permutations", pa.int32(), "permutations of the test; empty without a null"),
        _column("block_trs", pa.int32(), "length of its blocks in TRs; empty without blocks"),
        _column("ceiling", WORD, "what ceilings are from: subjects or repeats; empty without"),
        _column("mean_ceiling", pa.float64(), "mean over voxels of the ceiling of r"),
        _column(
            "effective_samples",
            pa.float64(),
            "independent samples that r rests on, median of up to 128 voxels: validation_samples less what "
            "predictions and responses share of their pasts (Bartlett 1935)",
        ),
        _column("mean_r", pa.float64(), "mean over voxels of r"),
        _column("median_r", pa.float64(), "median over voxels of r"),
        _column("max_r", pa.float64(), "maximum over voxels of r"),
        _column("mean_cv_r", pa.float64(), "mean over voxels of cv_r"),
        _column("significant", pa.int32(), "voxels with a corrected p-value at or below the level"),
        _column("folder", pa.string(), "folder of the fit's files in the store"),
    ]
)

COMPARISONS = pa.schema(
    [
        _column("pair", WORD, "key of the pair of fits, the same for all subjects"),
        _column("by", WORD, "what the two fits differ in; empty for a pair that was named"),
        _column("first", WORD, "the first fit in words"),
        _column("second", WORD, "the second fit in words"),
        _column("subject", WORD, "subject; empty: the mean over subjects, and the test over them"),
        _column("first_fit", pa.string(), "key of the first fit, as in fits.parquet"),
        _column("second_fit", pa.string(), "key of the second fit"),
        _column("roi", WORD, "region of interest; empty: all voxels"),
        _column("voxels", pa.int32(), "number of voxels"),
        _column("mean_first", pa.float64(), "mean over voxels of r of the first fit"),
        _column("mean_second", pa.float64(), "mean over voxels of r of the second fit"),
        _column("difference", pa.float64(), "mean_first - mean_second"),
        _column("better", pa.int32(), "voxels in which the first is significantly better"),
        _column("worse", pa.int32(), "voxels in which the first is significantly worse"),
        _column("subjects", pa.int32(), "number of subjects of the test over subjects"),
        _column("p", pa.float64(), "two-sided p of Student's paired t-test over subjects"),
        _column("p_flips", pa.float64(), "the same by flipping signs of differences"),
        _column("p_fdr", pa.float64(), "p corrected over regions (false discovery rate, BH)"),
    ]
)

TOP_VOXELS = pa.schema(
    [
        _column("fit", pa.string(), "key of the fit, as in fits.parquet"),
        _column("subject", WORD, "subject"),
        _column("annotation", WORD, "caption level the features were made of"),
        _column("model", WORD, "model the features come from"),
        _column("layer", pa.int16(), "layer of the model"),
        _column("variant", WORD, "delays, and what else tells the fit apart"),
        _column("voxels", pa.int32(), "voxels that the means are of: those of the highest cv_r"),
        _column("mean_r", pa.float64(), "mean of r over these voxels"),
        _column("mean_cv_r", pa.float64(), "mean of cv_r over them"),
        _column("best", pa.bool_(), "highest mean_cv_r of its subject, annotation and model"),
    ]
)

TOP_TESTS = pa.schema(
    [
        _column("by", WORD, "what the two differ in: annotation or model"),
        _column("of", WORD, "the model, or annotation, that both have"),
        _column("first", WORD, "the first"),
        _column("second", WORD, "the second"),
        _column("subjects", pa.int32(), "number of subjects of the test"),
        _column("mean_first", pa.float64(), "mean over subjects of mean_r of the best rows"),
        _column("mean_second", pa.float64(), "the same of the second"),
        _column("difference", pa.float64(), "mean_first - mean_second"),
        _column("p", pa.float64(), "two-sided p of Student's paired t-test over subjects"),
        _column("p_flips", pa.float64(), "the same by flipping signs of differences"),
        _column("p_fdr", pa.float64(), "p corrected over all pairs of this `by` (BH)"),
    ]
)

GENERALISATION = pa.schema(
    [
        _column("fit", pa.string(), "key of the fit, as in fits.parquet"),
        _column("subject", WORD, "subject that it was fitted on"),
        *(field for field in _PLACE if field.name not in ("modality", "bands", "split")),
        _column("mean_cv_r", pa.float64(), "mean over voxels of cv_r of the fit"),
        _column(
            "over", WORD, "title: r within one; subject: r with the responses of another subject"
        ),
        _column("name", WORD, "the title, or the other subject"),
        _column("roi", WORD, "region of interest; empty: all voxels"),
        _column("samples", pa.int32(), "validation samples that r is of"),
        _column("voxels", pa.int32(), "voxels that the mean is of"),
        _column("mean_r", pa.float64(), "mean over voxels of r"),
    ]
)

WEIGHTS = pa.schema(
    [
        _column("weights", pa.string(), "key of the unit; its arrays lie in weights/<key>/"),
        _column("of", WORD, "the fit in words, all subjects together"),
        _column("subjects", pa.int32(), "subjects whose weights these are"),
        _column("voxels", pa.int32(), "voxels, those of the highest cv_r of each subject"),
        _column("component", pa.int16(), "principal component, from 1"),
        _column("explained", pa.float64(), "share of the variance of weights over voxels"),
        _column("cumulated", pa.float64(), "the same of this and all before"),
        _column("band", WORD, "band of a banded fit"),
        _column("share", pa.float64(), "part of the band's columns in the component (squares)"),
    ]
)

MOMENTS = pa.schema(
    [
        _column("weights", pa.string(), "key of the unit"),
        _column("of", WORD, "the fit in words"),
        _column("component", pa.int16(), "principal component, from 1"),
        _column("end", WORD, "high or low: which end of the projections"),
        _column("rank", pa.int16(), "1 is the farthest out"),
        _column(
            "score", pa.float64(), "projection of the delayed, z-scored features on the component"
        ),
        _column("run", WORD, "training run"),
        _column("time_s", pa.float64(), "time of the sample in the recording", "s"),
        _column(
            "stimulus_s", pa.float64(), "time in the stimulus: less the middle of the delays", "s"
        ),
        _column("text", pa.string(), "captions there, a level after the other"),
    ]
)

TIMINGS = pa.schema(
    [
        _column("key", pa.string(), "key of the unit"),
        _column("kind", WORD, "extract, commit, compare or gather"),
        _column("label", pa.string(), "what the unit is"),
        _column("host", WORD, "machine that ran it"),
        _column("device", WORD, "cpu or cuda"),
        _column("started", pa.float64(), "Unix time", "s"),
        _column("seconds", pa.float64(), "wall time of the unit itself", "s"),
        _column("fit_seconds", pa.float64(), "commit: wall time of the fit it stores", "s"),
        _column("bytes", pa.int64(), "bytes written", "B"),
        _column("attempt", pa.int16(), "number of the try that succeeded"),
    ]
)


def table_of(schema: pa.Schema, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A table of rows; keys that a row lacks are null."""
    columns = [column([row.get(f.name) for row in rows], f.type) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)
