"""NumPy arrays to torch tensors and back. Takes read-only arrays, as an object store hands them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from d2b_ray.arrays import Array

__all__ = ["to_array", "to_tensor"]


def to_tensor(array: Array, device: str, dtype: torch.dtype) -> torch.Tensor:
    """A tensor on `device`; copies when the array is read-only, for torch has no read-only tensors."""
    own = np.ascontiguousarray(array)
    if not own.flags.writeable:
        own = own.copy()
    return torch.from_numpy(own).to(device=device, dtype=dtype)


def to_array(tensor: torch.Tensor, dtype: Any = np.float32) -> Array:
    """The tensor's values as an array, C-contiguous."""
    if dtype is np.float32:  # where it lies: by all threads, or before it is moved
        tensor = tensor.to(torch.float32)
    found: Array = np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=dtype)
    return found
