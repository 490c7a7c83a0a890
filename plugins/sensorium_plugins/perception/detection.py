"""Detection: where things are in a picture. Objects (COCO's 80 classes) and faces."""

from __future__ import annotations

from typing import ClassVar

from sensorium import ComponentOptions, Emit, Event, Image, Input, Output, Perceiver
from sensorium.payloads import Detections


class DetectionOptions(ComponentOptions):
    """Options of :class:`ObjectDetection`."""

    model: str = "object_detection"


class FaceDetectionOptions(ComponentOptions):
    """Options of :class:`Faces`."""

    model: str = "face_detection"


class ObjectDetection(Perceiver):
    """Finds objects in each picture it is given, with their boxes in the picture's pixels."""

    Options: ClassVar[type[ComponentOptions]] = DetectionOptions
    takes = {"image": Input("camera/+/image", Image)}
    gives = {"detections": Output("vision/objects", Detections)}

    async def setup(self) -> None:
        """Load the model."""
        self._model = self.model(self.options.model)
        await self._model.load()

    async def process(self, event: Event[Image], emit: Emit) -> None:
        """Look at one picture."""
        found = await self._model.infer({"image": event.payload.data})
        await emit(Detections(tuple(found["labels"]), tuple(found["scores"]), found["boxes"]))


class Faces(ObjectDetection):
    """Finds faces in each picture it is given."""

    Options = FaceDetectionOptions
    gives = {"detections": Output("vision/faces", Detections)}
