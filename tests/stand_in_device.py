"""A GPU made of CPU tensors: what would fail on one fails here, and what waits for one is counted.

Tensors of the device "meta", which a build of torch without CUDA knows, hold a CPU tensor each. Operations
that mix them with CPU tensors, and a hidden `.numpy()`, fail as on a GPU. `COUNTS` has copies to the
device (`up`) and from it (`down`), and places where the host waits for a value (`waits`). Import it in a
process of its own: torch believes from then on that there is a GPU.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

__all__ = ["COUNTS", "DEVICE", "StandIn"]

DEVICE = "meta"
COUNTS: Counter[str] = Counter()
MAY_MIX = ("aten::copy_", "aten::index")  # an index may lie on the host

torch._C._ensureCUDADeviceGuardSet()
torch.cuda._lazy_init = lambda: None
torch.cuda.is_available = lambda: True
torch.cuda.current_device = lambda: 0
torch.cuda.device_count = lambda: 1
torch.cuda.max_memory_allocated = lambda *_: 0
torch.cuda.reset_peak_memory_stats = lambda *_: None
torch.inference_mode = torch.no_grad  # tensors that hold others keep no versions
torch.cuda.mem_get_info = lambda *_: (1 << 34, 1 << 34)
torch.cuda.memory_reserved = torch.cuda.memory_allocated = lambda *_: 0


class OnDevice(torch.Tensor):
    """A tensor that says it is on the device; `inner` has its values."""

    inner: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(),
            dtype=inner.dtype, layout=inner.layout, device=torch.device(DEVICE),
        )  # fmt: skip

    def __init__(self, inner):
        self.inner = inner

    def numpy(self, *_, **__):
        """As on a GPU."""
        raise TypeError("can't convert a tensor of the device to numpy; use .cpu() first")

    __array__ = numpy

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _dispatch(func, args, kwargs or {})


class StandIn(TorchDispatchMode):
    """Within it, `device="meta"` is the stand-in."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _dispatch(func, args, kwargs or {})


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, OnDevice) else value


def _outer(value: Any) -> Any:
    plain = isinstance(value, torch.Tensor) and not isinstance(value, OnDevice)
    return OnDevice(value) if plain else value


def _lapack(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Eigenvectors by the library that finds those of matrices of the CPU; all else as it is."""
    if func._schema.name == "aten::_linalg_eigh":
        return tuple(torch.from_numpy(found) for found in np.linalg.eigh(args[0].numpy()))
    return func(*args, **kwargs)


def _dispatch(func: Any, args: Any, kwargs: Any) -> Any:
    name = func._schema.name
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    on_device = any(isinstance(tensor, OnDevice) for tensor in tensors)
    if name == "aten::_to_copy":
        return _copied(func, args, kwargs, tensors[0])
    if name in ("aten::_local_scalar_dense", "aten::nonzero", "aten::_unique2") and on_device:
        COUNTS["waits"] += 1
        if name == "aten::_local_scalar_dense":
            return func(_inner(args[0]))
    if on_device and not name.startswith(MAY_MIX):
        host = [t for t in tensors if not isinstance(t, OnDevice) and t.dim() > 0]
        if host:
            raise RuntimeError(f"tensors on the device and on the host: {name}")
    wanted = kwargs.get("device")
    own = tree_map(_inner, kwargs)
    to_device = on_device
    if wanted is not None:
        to_device = torch.device(wanted).type == DEVICE
        own["device"] = torch.device("cpu")
    made = _lapack(func, *tree_map(_inner, args), **own)
    if not to_device:
        return made
    written = [
        value
        for value, argument in zip(args, func._schema.arguments, strict=False)
        if argument.alias_info is not None and argument.alias_info.is_write
    ] + [
        kwargs[argument.name]
        for argument in func._schema.arguments
        if argument.alias_info is not None
        and argument.alias_info.is_write
        and argument.name in kwargs
    ]
    written = [value for value in written if isinstance(value, OnDevice)]
    if written and isinstance(made, torch.Tensor):
        return written[0]
    return tree_map(_outer, made)


def _copied(func: Any, args: Any, kwargs: Any, source: torch.Tensor) -> Any:
    own = dict(kwargs)
    asked = own.pop("device", None)
    target = source.device if asked is None else torch.device(asked)
    made = func(_inner(args[0]), *args[1:], **own, device=torch.device("cpu"))
    if target.type == DEVICE and source.device.type == "cpu":
        COUNTS["up"] += 1
    if target.type == "cpu" and source.device.type == DEVICE:
        COUNTS["down"] += 1
    return OnDevice(made) if target.type == DEVICE else made
