from __future__ import annotations

import numpy as np
from sensorium.testing import assert_conforms, check_plugin, run_component

import sensorium_thermal
from sensorium_thermal.hot_spots import HotSpots, regions
from sensorium_thermal.payload import ThermalFrame


def frame_with(*spots: tuple[slice, slice, float]) -> ThermalFrame:
    celsius = np.full((24, 32), 21.0, np.float32)
    for rows, columns, degrees in spots:
        celsius[rows, columns] = degrees
    return ThermalFrame(celsius)


async def test_boxes_the_spots_hottest_first() -> None:
    frame = frame_with((slice(2, 5), slice(3, 7), 36.5), (slice(10, 14), slice(20, 23), 45.0))
    async with run_component(HotSpots) as harness:
        await harness.send("thermal/front/frame", frame, originating_time=123)
        await harness.settled()
    (event,) = harness.events_on("thermal/hot_spots/spots")
    assert event.payload.labels == ("45.0 °C", "36.5 °C")
    assert event.payload.scores == (1.0, 0.65)
    assert event.payload.boxes.tolist() == [[20, 10, 23, 14], [3, 2, 7, 5]]
    assert event.originating_time == 123


async def test_a_cold_room_and_single_pixels_give_an_empty_result() -> None:
    async with run_component(HotSpots) as harness:
        await harness.send("thermal/a/frame", frame_with())
        await harness.send("thermal/a/frame", frame_with((slice(0, 1), slice(0, 1), 90.0)))
        await harness.settled()
    assert harness.events[-1].payload.labels == ()
    assert harness.events[-1].payload.boxes.shape == (0, 4)


def test_regions_follow_a_winding_shape_and_split_at_corners() -> None:
    winding = np.array([[1, 1, 1, 0], [0, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1]], bool)
    labels = regions(winding)
    assert len(np.unique(labels[labels > 0])) == 2
    assert len({labels[0, 0], labels[1, 2], labels[2, 0]}) == 1


def test_conforms() -> None:
    hot = frame_with((slice(2, 5), slice(3, 7), 36.5))
    assert_conforms(HotSpots, [("thermal/a/frame", hot), ("thermal/a/frame", frame_with())])


def test_the_plugin_conforms() -> None:
    assert check_plugin(sensorium_thermal) == []
