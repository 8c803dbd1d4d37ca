"""What a sweep may choose by name, and what each choice must offer. A table a file; imports no other room.

A row names the file that has the choice, and that file is imported when a sweep names it, not before.
"""

from d2b_ray.catalog.layouts import LAYOUTS
from d2b_ray.catalog.modalities import MODALITIES, Modality
from d2b_ray.catalog.table import Table

__all__ = ["LAYOUTS", "MODALITIES", "Modality", "Table"]
