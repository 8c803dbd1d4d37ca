"""Store -> tables, figures, one page. Reads summaries and records only, never an array of a fit."""

from d2b_ray.report.figures import correlation_histogram
from d2b_ray.report.gather import gather
from d2b_ray.report.tables import band_table, voxel_table

__all__ = ["band_table", "correlation_histogram", "gather", "voxel_table"]
