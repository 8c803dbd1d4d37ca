"""Dense layers of a network on a CPU, by oneDNN: y = x Wᵀ + b in float32. Imported with a network only.

torch multiplies float32 by MKL, which on processors that are not Intel's leaves half of their vector
units idle; oneDNN, which torch carries too, uses them (2.2 times the operations a second on an AMD
EPYC). On Intel's MKL is the faster one, for oneDNN rearranges the weights at each product (0.85 to 0.95
of its time, more where there are few rows). Rounding differs as between any two libraries, about 1e-6 of
a value.
"""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers.pytorch_utils import Conv1D

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["by_onednn", "linear"]

logger = logging.getLogger(__name__)


class OneDnnLinear(torch.nn.Linear):
    """`torch.nn.Linear` with another product."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return linear(input, self.weight, self.bias)


class OneDnnConv1D(Conv1D):  # type: ignore[misc]
    """GPT-2's dense layer, whose weight is (in, out), with another product."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return linear(x, self.weight.t(), self.bias)


KINDS: dict[type, type] = {torch.nn.Linear: OneDnnLinear, Conv1D: OneDnnConv1D}


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """y = x Wᵀ + b; (..., in), (out, in), (out,) or None -> (..., out), float32 on the CPU."""
    made: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return made


def by_onednn(network: Any) -> Any:
    """The same network, whose float32 dense layers multiply by oneDNN where that is the faster one.

    That is on a CPU that is not Intel's, if torch has it.

    Weights stay where they are. Layers of other types, and subclasses, stay as they are.
    """
    if not _of_intel() and _works():
        for module in network.modules():
            weight = module.weight if type(module) in KINDS else None
            if weight is not None and weight.dtype == torch.float32 and weight.device.type == "cpu":
                module.__class__ = KINDS[type(module)]
    return network


@functools.cache
def _of_intel() -> bool:
    """Whether the processor is one that MKL is made for; its name decides, so that runs do not differ."""
    info = Path("/proc/cpuinfo")
    return info.exists() and "GenuineIntel" in info.read_text()


@functools.cache
def _works() -> bool:
    """Whether torch was built with the operation; it is not among those that torch promises."""
    try:
        with torch.inference_mode():
            made = linear(torch.ones(2, 3), torch.ones(4, 3), torch.ones(4))
    except (AttributeError, NotImplementedError, RuntimeError) as error:
        logger.info("dense layers stay with torch's own product (%s)", type(error).__name__)
        return False
    return bool((made == 4).all())
