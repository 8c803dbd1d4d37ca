"""d2b_ray: one YAML sweep becomes a grid of voxelwise encoding fits on Ray.

Importing the package loads no heavy module; each room is imported where it is needed:
`d2b_ray.encoding` for estimators, `d2b_ray.significance` for nulls, `d2b_ray.data` for readers.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
