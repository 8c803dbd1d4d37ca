"""Every exception raised on purpose. All are picklable: one string argument, which says it all.

A message is one line: what is wrong, where, the allowed values, what to do. `D2BError` and its
children mean that the caller can act on the message; anything else is a defect and keeps its
traceback.
"""

__all__ = [
    "ClusterError",
    "D2BError",
    "DataError",
    "ExtractionError",
    "FitError",
    "LeaseError",
    "PlanError",
    "SpecError",
    "StoreError",
]


class D2BError(Exception):
    """Base of all errors raised on purpose; `str(error)` is one line for the user."""


class SpecError(D2BError, ValueError):
    """The sweep asks for something that does not exist or contradicts itself."""


class PlanError(D2BError, ValueError):
    """The sweep is valid, but its units cannot be laid out (two fits in one folder, say)."""


class ClusterError(D2BError, ConnectionError):
    """A cluster cannot be reached or joined, or does not take the job."""


class DataError(D2BError, ValueError):
    """A file of the data set is missing, has another shape, or holds values it must not."""


class ExtractionError(D2BError, RuntimeError):
    """A model cannot be found, loaded or run on the stimuli."""


class FitError(D2BError, ValueError):
    """Arrays given to a solver or a null do not fit together or are not finite."""


class LeaseError(D2BError, RuntimeError):
    """Another run holds the output root, or has taken it over."""


class StoreError(D2BError, OSError):
    """Results cannot be written, read or trusted."""
