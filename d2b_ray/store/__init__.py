"""Results on disk or in a bucket: `files` (whole files), `layout` (paths), `records` (what is done)."""

from d2b_ray.store.files import Store, Written
from d2b_ray.store.fingerprints import digest, fingerprint_file
from d2b_ray.store.fit_place import FitPlace
from d2b_ray.store.layout import Layout
from d2b_ray.store.names import model_folder
from d2b_ray.store.records import Ledger, Record

__all__ = [
    "FitPlace",
    "Layout",
    "Ledger",
    "Record",
    "Store",
    "Written",
    "digest",
    "fingerprint_file",
    "model_folder",
]
