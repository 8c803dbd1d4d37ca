"""Results on disk or in a bucket: `files` (whole files), `layout` (paths), `records` (what is done)."""

from d2b_ray.store.files import Store, Written
from d2b_ray.store.fingerprints import digest, fingerprint_file, fingerprint_folder
from d2b_ray.store.fit_place import FitPlace
from d2b_ray.store.layout import Layout
from d2b_ray.store.lease import Fence, Holder, Lease, holder
from d2b_ray.store.names import model_folder
from d2b_ray.store.records import Ledger, Record

__all__ = [
    "Fence",
    "FitPlace",
    "Holder",
    "Layout",
    "Lease",
    "Ledger",
    "Record",
    "Store",
    "Written",
    "digest",
    "fingerprint_file",
    "fingerprint_folder",
    "holder",
    "model_folder",
]
