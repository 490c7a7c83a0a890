"""Detection, faces and classes: a picture in, percepts with the picture's time out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium import Component, Image
from sensorium.payloads import Classes
from sensorium.testing import run_component
from sensorium_plugins.perception.detection import Faces, ObjectDetection
from sensorium_plugins.perception.image_classes import ImageClasses

PICTURE = Image(np.zeros((4, 6, 3), np.uint8))
BOX = np.array([[1, 2, 3, 4]], np.float32)


@pytest.mark.parametrize(
    ("component", "model", "topic"),
    [
        (ObjectDetection, "object_detection", "vision/objects"),
        (Faces, "face_detection", "vision/faces"),
    ],
)
async def test_what_is_found_keeps_the_time_of_the_picture(
    component: type[Component], model: str, topic: str
) -> None:
    def look(request: dict[str, Any]) -> dict[str, Any]:
        assert request["image"].shape == (4, 6, 3)
        return {"labels": ["thing"], "scores": [0.8], "boxes": BOX}

    async with run_component(component, models={model: look}) as harness:
        await harness.send("camera/front/image", PICTURE, originating_time=42)
        await harness.settled()
        (found,) = harness.events
    assert found.topic == topic
    assert found.originating_time == 42
    assert found.payload.labels == ("thing",)
    assert found.payload.scores == (0.8,)
    np.testing.assert_array_equal(found.payload.boxes, BOX)


async def test_a_picture_of_nothing_is_told_too() -> None:
    nothing = {"labels": [], "scores": [], "boxes": np.zeros((0, 4), np.float32)}
    async with run_component(
        ObjectDetection, models={"object_detection": lambda _: nothing}
    ) as harness:
        await harness.send("camera/front/image", PICTURE)
        await harness.settled()
        assert harness.events[0].payload.labels == ()


async def test_unlikely_classes_are_left_out() -> None:
    answer = {"labels": ["tabby", "lynx", "sock"], "scores": [0.6, 0.2, 0.19]}
    async with run_component(ImageClasses, models={"image_classes": lambda _: answer}) as harness:
        await harness.send("camera/front/image", PICTURE)
        await harness.settled()
        kept = harness.events[0].payload
    assert isinstance(kept, Classes)
    assert (kept.labels, kept.scores) == (("tabby", "lynx"), (0.6, 0.2))


async def test_no_class_likely_enough_gives_an_empty_answer() -> None:
    answer = {"labels": ["tabby"], "scores": [0.1]}
    async with run_component(ImageClasses, models={"image_classes": lambda _: answer}) as harness:
        await harness.send("camera/front/image", PICTURE)
        await harness.settled()
        assert harness.events[0].payload.labels == ()
