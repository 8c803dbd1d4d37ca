"""Responses of subjects that a worker keeps on its GPU: as many as there is room for, the last used stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from d2b_ray.arrays import FloatArray
    from d2b_ray.encoding.on_device import DeviceResponses

__all__ = ["DeviceShelf"]


class DeviceShelf:
    """Moved to the device once, and given up when a fit, or another subject, needs the room."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, bool], DeviceResponses] = {}  # the last used last

    def get(
        self,
        subject: str,
        read: Callable[[], tuple[FloatArray, FloatArray]],
        device: str,
        *,
        intercept: bool,
        columns: int,
        make_room: Callable[[], None],
    ) -> DeviceResponses | None:
        """A subject's responses with room for a fit of `columns` beside them; None where there is none.

        `read` gives training and validation responses; `make_room` frees what else lies on the device.
        """
        from d2b_ray.encoding.on_device import DeviceResponses, has_room

        key = (subject, intercept)
        held = self._held.pop(key, None)
        train, valid = read() if held is None else (held.host, held.host_valid)
        there = held is not None
        while self._held and not has_room(device, train, valid, columns, there=there):
            del self._held[next(iter(self._held))]
            _empty_cache()
        if not has_room(device, train, valid, columns, there=there):
            make_room()
        if not has_room(device, train, valid, columns, there=there):
            return None
        if held is None:
            held = DeviceResponses.of(train, valid, device, intercept=intercept)
        self._held[key] = held
        return held

    def clear(self) -> None:
        """Give everything up."""
        self._held.clear()
        _empty_cache()


def _empty_cache() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
