"""A frame -> what an image network takes, by the model's own image processor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.features.models.checkpoint import load_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from d2b_ray.features.frames.reader import Frame
    from d2b_ray.features.models.sources import ModelSource

__all__ = ["PREPARERS", "Pictures", "collate", "load_pictures"]

PREPARERS = 2  # threads that resize frames while the model runs


@dataclass(frozen=True, slots=True)
class Pictures:
    """The image processor of a model."""

    processor: Any

    def prepare(self, frame: Frame, frame_size: int | None) -> dict[str, Tensor]:
        """{name: (1, ...)} of one frame; a frame is prepared alone, so batches change nothing.

        With `frame_size`, the frame is first resized to that square (bicubic), whatever its shape,
        as drama2brain does: nothing is cut off at the sides. Without, the processor has it as it is.
        """
        from PIL import Image

        image = Image.fromarray(frame)
        if frame_size is not None:
            image = image.resize((frame_size, frame_size), Image.Resampling.BICUBIC)
        made = self.processor(images=[np.asarray(image)], return_tensors="pt")
        return dict(made)


def load_pictures(source: ModelSource) -> Pictures:
    """The image processor of a source, always the one of Pillow and numpy.

    transformers has another on torchvision, which is taken where that is installed; its grey levels
    differ, and features must not depend on what else is installed.
    """
    return Pictures(load_part(source, "AutoImageProcessor", backend="pil"))


def collate(items: Sequence[dict[str, Tensor]], network: Any) -> dict[str, Tensor]:
    """One batch of prepared items on the network's device, floating values in its type."""
    import torch

    batch = {}
    for name in items[0]:
        values = torch.cat([item[name] for item in items]).to(network.device)
        batch[name] = values.to(network.dtype) if values.is_floating_point() else values
    return batch
