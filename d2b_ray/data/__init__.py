"""The measured world: run table, responses, captions, voxels; one reader per layout. Knows no spec."""

from d2b_ray.data.choices import DataChoices
from d2b_ray.data.dataset import Dataset, open_dataset
from d2b_ray.data.runs import read_runs

__all__ = ["DataChoices", "Dataset", "open_dataset", "read_runs"]
