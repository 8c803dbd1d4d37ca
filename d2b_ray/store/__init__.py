"""Results on disk or in a bucket: `files` (whole files), `layout` (paths), `records` (what is done)."""

from d2b_ray.store.feature_marks import check_mark, mark_features, marked_for_other, read_mark
from d2b_ray.store.fence import Fence
from d2b_ray.store.files import Store, Written
from d2b_ray.store.fingerprints import (
    digest,
    fingerprint_file,
    fingerprint_files,
    fingerprint_folder,
)
from d2b_ray.store.fit_place import FitPlace
from d2b_ray.store.layout import Layout
from d2b_ray.store.lease import Holder, Lease, holder
from d2b_ray.store.names import model_folder
from d2b_ray.store.null_counts import count_arrays, count_paths, read_counts, remove_other_counts
from d2b_ray.store.records import Ledger, Record
from d2b_ray.store.shard_records import remove_shards
from d2b_ray.store.text_rows import TextRows, forget_texts, write_rows

__all__ = [
    "Fence",
    "FitPlace",
    "Holder",
    "Layout",
    "Lease",
    "Ledger",
    "Record",
    "Store",
    "TextRows",
    "Written",
    "check_mark",
    "count_arrays",
    "count_paths",
    "digest",
    "fingerprint_file",
    "fingerprint_files",
    "fingerprint_folder",
    "forget_texts",
    "holder",
    "mark_features",
    "marked_for_other",
    "model_folder",
    "read_counts",
    "read_mark",
    "remove_other_counts",
    "remove_shards",
    "write_rows",
]
