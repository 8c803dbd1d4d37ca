"""What went wrong in a store, in one line: turns errors of disks and buckets into StoreError.

Only errors that a user can act on are turned; a defect of ours passes through with its traceback.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from d2b_ray.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["as_store_error", "explain"]

RESUME = "then run again, finished units are kept"
BY_NUMBER = {
    errno.ENOSPC: f"the disk is full; free some space, {RESUME}",
    errno.EDQUOT: f"the disk quota is used up; free some space, {RESUME}",
    errno.EROFS: "the file system is read-only; choose another output.root",
    errno.ENAMETOOLONG: "the name is too long for this disk; shorten output.root or the model name",
    errno.ENOTDIR: "a file stands where a folder is needed; move it away",
    errno.EISDIR: "a folder stands where a file is needed; move it away",
}
BY_CLASS = {
    "NoCredentialsError": "no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run "
    "`aws configure`",
    "PartialCredentialsError": "credentials are incomplete; set both AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY",
    "ParamValidationError": "the address is not valid; it must read s3://bucket/prefix",
}
UNREACHABLE = "cannot be reached; check the network and AWS_ENDPOINT_URL, " + RESUME


@contextmanager
def as_store_error(url: str) -> Iterator[None]:
    """Run the block; an error of storage becomes a StoreError that names `url` and what to do."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        raise StoreError(f"{url}: {line}") from error


def explain(error: Exception) -> str | None:
    """One line for an error of a disk, a bucket or the network; None for any other error."""
    from_network = type(error).__module__.startswith(("botocore", "aiobotocore", "aiohttp"))
    if not isinstance(error, OSError) and not from_network:
        return None
    for kind in type(error).__mro__:
        if kind.__name__ in BY_CLASS:
            return BY_CLASS[kind.__name__]
    number = error.errno if isinstance(error, OSError) else None
    if number in BY_NUMBER:
        return BY_NUMBER[number]
    if isinstance(error, FileNotFoundError):
        if "bucket does not exist" in str(error):
            return "the bucket does not exist; create it, or correct the address"
        return "no such file; run the sweep again to make it, or correct the address"
    if isinstance(error, PermissionError):
        return "no permission; check the owner of the folder, or the credentials and bucket policy"
    if isinstance(error, FileExistsError):
        return BY_NUMBER[errno.ENOTDIR]
    if from_network or isinstance(error, (TimeoutError, ConnectionError)):
        return f"{UNREACHABLE} ({_first_line(error)})"
    return f"{_first_line(error)}; look at the disk or bucket, {RESUME}"


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
