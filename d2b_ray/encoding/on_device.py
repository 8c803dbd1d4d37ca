"""One subject's responses, and what is predicted of them, where a GPU computes: little crosses its bus.

Responses do not depend on the features: they are moved to the device once, looked through and centred
there, and all fits of the subject stream past them. Predictions are made a block of voxels at a time
from coefficients that stay, scored in float64 there, and leave the device only if somebody wants them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from d2b_ray.encoding.centring import CONSTANT
from d2b_ray.encoding.held_out import spread
from d2b_ray.encoding.scoring import BLOCK
from d2b_ray.encoding.tensors import to_tensor
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Band, FloatArray
    from d2b_ray.encoding.folds import Fold

__all__ = [
    "DeviceResponses", "Predictor", "correlations", "download", "free_bytes", "has_room", "shares", "upload",
]  # fmt: skip

STAGED_BYTES = (
    64 << 20
)  # of page-locked memory at a time: a copy of it runs while the next is filled
ROWS = 1024  # turned into float64 at a time
SPARE = 0.6  # of the device's free memory that a fit may take; torch's own reserve is in the rest


@dataclass(frozen=True, slots=True, eq=False)
class DeviceResponses:
    """Training and validation responses of a subject on a device; `host`, `host_valid` as they were given.

    `deviations` (n, V) float32: less `mean` (V,) float64 of all rows, as `centred` leaves them; without an
    intercept as they are, and `mean` None. `valid` (n_valid, V) float32 as they are.
    """

    host: FloatArray
    host_valid: FloatArray
    deviations: torch.Tensor
    valid: torch.Tensor
    mean: NDArray[np.float64] | None
    _spread: dict[Fold, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, train: FloatArray, valid: FloatArray, device: str, *, intercept: bool
    ) -> DeviceResponses:
        """Both, moved to `device`. FitError, with the voxel, for values that are not finite."""
        there, held = upload(train, device), upload(valid, device)
        for tensor, host, part in ((there, train, "training"), (held, valid, "validation")):
            _refuse_not_finite(tensor, host, part)
        mean = _centre(there) if intercept else None
        return cls(train, valid, there, held, None if mean is None else mean.cpu().numpy())

    @property
    def shape(self) -> tuple[int, int]:
        """(n, V)."""
        rows, voxels = self.deviations.shape
        return rows, voxels

    def __len__(self) -> int:
        """Training rows."""
        return self.shape[0]

    def spread(self, fold: Fold) -> tuple[torch.Tensor, torch.Tensor]:
        """`held_out.spread` of the rows that a fold holds out, all voxels; made once."""
        if fold not in self._spread:
            self._spread[fold] = spread(self.deviations[fold.start : fold.stop])
        return self._spread[fold]


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """Validation rows (n_valid, p), centred by the training mean, and coefficients (p, V), on a device."""

    rows: torch.Tensor
    coef: torch.Tensor

    def __call__(self, voxels: slice, band: Band | None = None) -> torch.Tensor:
        """Predictions (n_valid, v) of some voxels, or what a band's columns alone predict."""
        if band is None:
            return self.rows @ self.coef[:, voxels]
        return self.rows[:, band.start : band.stop] @ self.coef[band.start : band.stop, voxels]


def has_room(
    device: str, train: FloatArray, valid: FloatArray, columns: int, *, there: bool = False
) -> bool:
    """Whether responses, coefficients and the least working memory of a fit fit the device together.

    `there`: the responses lie on it already.
    """
    if device == "cpu":
        return False
    resident = 4 * columns * train.shape[1] + (0 if there else 4 * (train.size + valid.size))
    order = min(columns, len(train))
    least = 4 * BLOCK * (len(valid) * 5 + 16 * columns) + 4 * (columns * len(train) + 16 * order**2)
    return bool(resident + least < free_bytes(device))


def free_bytes(device: str) -> int:
    """Memory of the device that nobody holds, and what torch holds of it for nobody."""
    free, _ = torch.cuda.mem_get_info(device if device.startswith("cuda") else None)
    unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return int(free + unused)


def upload(array: FloatArray, device: str) -> torch.Tensor:
    """(n, V) float32 on `device`, by two page-locked buffers: one is filled while the other leaves."""
    if not device.startswith("cuda"):
        # a copy, also where the device is the CPU: responses are centred in their place
        return to_tensor(np.array(array, np.float32), device, torch.float32)
    out = torch.empty(array.shape, dtype=torch.float32, device=device)
    for rows, staged, sent in _staged(array.shape, device):
        sent.synchronize()
        np.copyto(staged.numpy(), array[rows], casting="same_kind")
        out[rows].copy_(staged, non_blocking=True)
        sent.record()
    torch.cuda.synchronize(device)
    return out


def download(tensor: torch.Tensor) -> FloatArray:
    """The values (n, V) of a tensor in memory of the host."""
    if not tensor.is_cuda:
        found: FloatArray = np.ascontiguousarray(tensor.cpu().numpy())
        return found
    out = np.empty(tensor.shape, np.float32)
    earlier = None
    for rows, staged, sent in _staged(tensor.shape, str(tensor.device)):
        staged.copy_(tensor[rows], non_blocking=True)
        sent.record()
        if earlier is not None:
            _arrived(out, *earlier)
        earlier = rows, staged, sent
    if earlier is not None:
        _arrived(out, *earlier)
    return out


def _arrived(out: FloatArray, rows: slice, staged: torch.Tensor, sent: torch.cuda.Event) -> None:
    sent.synchronize()
    out[rows] = staged.numpy()


def _staged(
    shape: Sequence[int], device: str
) -> list[tuple[slice, torch.Tensor, torch.cuda.Event]]:
    """Rows of an array (n, V) in turn with two buffers, and what says that a buffer is free."""
    count, voxels = shape
    size = max(1, min(count, STAGED_BYTES // max(1, 4 * voxels)))
    buffers = [torch.empty((size, voxels), pin_memory=True) for _ in range(2)]
    events = [torch.cuda.Event() for _ in range(2)]  # type: ignore[no-untyped-call]
    found = []
    for number, start in enumerate(range(0, count, size)):
        stop = min(start + size, count)
        found.append((slice(start, stop), buffers[number % 2][: stop - start], events[number % 2]))
    return found


def _refuse_not_finite(tensor: torch.Tensor, host: FloatArray, part: str) -> None:
    # one answer comes back, of all rows; where and which is looked for on the host
    bad = torch.zeros((), dtype=torch.bool, device=tensor.device)
    for block in tensor.split(ROWS):  # type: ignore[no-untyped-call]
        bad |= ~torch.isfinite(block).all()
    if bool(bad):
        from d2b_ray.encoding.fit import check_finite

        check_finite(host, part)
        raise FitError(f"{part} responses changed on their way to the device; is its memory sound?")


def _centre(y: torch.Tensor) -> torch.Tensor:
    """Take the mean of each column away in its place, as `centred` does; returns it, float64."""
    total = torch.zeros(y.shape[1], dtype=torch.float64, device=y.device)
    square = torch.zeros_like(total)
    for block in y.split(ROWS):  # type: ignore[no-untyped-call]
        total += block.sum(0, dtype=torch.float64)
    mean = total / len(y)
    for block in y.split(ROWS):  # type: ignore[no-untyped-call]
        block.copy_(block.double() - mean)
        square += block.double().square_().sum(0)
    constant = square.sqrt_() <= CONSTANT * len(y) ** 0.5 * mean.abs()
    for block in y.split(ROWS):  # type: ignore[no-untyped-call]
        block.masked_fill_(constant, 0)
    return mean


def correlations(predict: Predictor, response: torch.Tensor) -> FloatArray:
    """Correlation (V,) of what is predicted with `response` (n_valid, V), as `correlation`, on the device."""
    found = [_correlation(predict(own), response[:, own]) for own in _blocks(response.shape[1])]
    return _small(torch.cat(found))


def shares(
    predict: Predictor, response: torch.Tensor, bands: Sequence[Band]
) -> tuple[FloatArray, FloatArray]:
    """`split_correlation` of the bands, and the correlation of each band's own prediction, (bands, V)."""
    split, alone = [], []
    for voxels in _blocks(response.shape[1]):
        y = _centred(response[:, voxels])
        parts = [_centred(predict(voxels, band)) for band in bands]
        joint = torch.stack(parts).sum(0)
        norm = (joint.square().sum(0) * y.square().sum(0)).sqrt_()
        split.append(torch.stack([_ratio((part * y).sum(0), norm) for part in parts]))
        own = [(part.square().sum(0) * y.square().sum(0)).sqrt_() for part in parts]
        products = [(part * y).sum(0) for part in parts]
        alone.append(torch.stack([_ratio(xy, n) for xy, n in zip(products, own, strict=True)]))
    return _small(torch.cat(split, 1)), _small(torch.cat(alone, 1))


def _correlation(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x, y = _centred(x), _centred(y)
    norm = (x.square().sum(0) * y.square().sum(0)).sqrt_()
    return _ratio((x * y).sum(0), norm)


def _centred(x: torch.Tensor) -> torch.Tensor:
    there = x.double()
    return there - there.mean(0)


def _ratio(product: torch.Tensor, norm: torch.Tensor) -> torch.Tensor:
    """product / norm as float32; 0 where the norm is."""
    return torch.where(norm > 0, product / norm, torch.zeros_like(product)).to(torch.float32)


def _small(tensor: torch.Tensor) -> FloatArray:
    found: FloatArray = tensor.cpu().numpy()
    return found


def _blocks(voxels: int) -> list[slice]:
    return [slice(start, min(start + BLOCK, voxels)) for start in range(0, voxels, BLOCK)]
