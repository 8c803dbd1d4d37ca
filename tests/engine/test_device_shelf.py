"""What a worker keeps on its GPU: subjects that come again are not moved again, as long as there is room."""

from __future__ import annotations

import numpy as np
import pytest

from d2b_ray.encoding import on_device
from d2b_ray.steps.device_shelf import DeviceShelf

SIZE = 4 * (60 + 20) * 10  # of a subject


@pytest.fixture
def shelf(monkeypatch):
    """A shelf on a "device" of CPU tensors that has room for some bytes; what was moved and freed."""
    moved, freed, room = [], [], {"bytes": 0}
    own = DeviceShelf()

    def placed(train, valid, device, *, intercept):
        moved.append(int(train[0, 0]))
        return made(train, valid, "cpu", intercept=intercept)

    made = on_device.DeviceResponses.of
    monkeypatch.setattr(on_device.DeviceResponses, "of", placed)

    def has_room(device, train, valid, columns, *, there=False):
        held = len(own._held) * SIZE + (SIZE if there else 0)
        return room["bytes"] >= held + columns + (0 if there else 4 * (train.size + valid.size))

    monkeypatch.setattr(on_device, "has_room", has_room)

    def get(number, columns=0):
        rows = np.full((60, 10), number, np.float32), np.full((20, 10), number, np.float32)
        return own.get(
            f"S{number}", lambda: rows, "cuda", intercept=True, columns=columns,
            make_room=lambda: freed.append(number),
        )  # fmt: skip

    return get, moved, freed, room


def test_as_many_subjects_as_there_is_room_for(shelf):
    get, moved, _, room = shelf
    room["bytes"] = 2 * SIZE
    assert [get(n).host[0, 0] for n in (1, 2, 1, 2, 1)] == [1, 2, 1, 2, 1]
    assert moved == [1, 2]
    get(3)  # 2 was used before 1
    get(1)
    assert moved == [1, 2, 3]
    get(2)
    assert moved == [1, 2, 3, 2]


def test_a_wide_fit_takes_the_room_of_others(shelf):
    get, moved, freed, room = shelf
    room["bytes"] = 2 * SIZE
    get(1)
    get(2)
    assert get(2, columns=SIZE) is not None
    assert not freed
    get(1)
    assert moved == [1, 2, 1]


def test_without_room_there_is_none(shelf):
    get, moved, freed, room = shelf
    room["bytes"] = SIZE - 1
    assert get(1) is None
    assert (moved, freed) == ([], [1])  # the model made way, in vain
