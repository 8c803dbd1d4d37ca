"""Which device a unit computes on: what was assigned to this process, never what happens to be visible.

Since Ray 2.56 or so a CPU task on a GPU node sees all GPUs; an actor with a GPU sets
`D2B_RAY_DEVICE` from its assignment, and only that counts in a worker.
"""

from __future__ import annotations

import os

__all__ = [
    "DEVICE_VARIABLE",
    "LOGICAL_GPUS",
    "gpu_peak_bytes",
    "is_device_error",
    "resolve_device",
    "sees_gpu",
]

DEVICE_VARIABLE = "D2B_RAY_DEVICE"
LOGICAL_GPUS = (
    "D2B_RAY_LOGICAL_GPUS"  # set: GPUs that are not there may be given, units take the CPU
)
# How torch words what the accelerator reports: after most its context is of no use to a process.
DEVICE_ERRORS = ("CUDA error", "CUBLAS_STATUS_", "CUSOLVER_STATUS_", "CUDNN_STATUS_", "HIP error")


def is_device_error(error: BaseException) -> bool:
    """Whether the device failed, after which no work of this process on it can be trusted."""
    return isinstance(error, RuntimeError) and any(mark in str(error) for mark in DEVICE_ERRORS)


def resolve_device(wanted: str) -> str:
    """`"cpu"` or `"cuda"` for `wanted` in {"auto", "cpu", "cuda"}; "auto" asks the assignment."""
    if wanted == "cpu" or os.environ.get(DEVICE_VARIABLE) == "cpu":
        return "cpu"
    if not sees_gpu():
        return "cpu"
    import torch

    # float32 is float32: TF32, which convolutions have by default, keeps 10 bits of 23
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return "cuda"


def sees_gpu() -> bool:
    """Whether torch sees a GPU from this process."""
    import torch

    return torch.cuda.is_available()


def gpu_peak_bytes(device: str) -> int:
    """Most GPU memory that torch held since the last call, in bytes; 0 on a CPU."""
    if device == "cpu":
        return 0
    import torch

    peak = int(torch.cuda.max_memory_allocated())
    torch.cuda.reset_peak_memory_stats()
    return peak
