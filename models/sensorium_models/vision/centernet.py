"""Objects of the 80 COCO classes: CenterNet ("Objects as Points", Zhou et al. 2019).

A MobileNetV3 with a head that marks the middle of every object and measures from there to its
four sides. The weights are bundled; ``weights/centernet-coco.md`` says where they come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from sensorium.errors import ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.store import ModelStore
from sensorium_models.store.fingerprint import weights_of

from .images import (
    Floats,
    Image,
    ImageRequest,
    Letterbox,
    Objects,
    image_of,
    letterbox,
    suppress_duplicates,
)
from .labels import read_labels
from .libraries import libraries_for

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "centernet-coco"
WEIGHTS = "centernet-coco.onnx"
INPUT, OUTPUT = "tower_0/images", "tower_0/detections"
INPUT_SIZE = 512


class ObjectDetectorOptions(ModelOptions):
    """Options of :class:`ObjectDetector`.

    ``min_score`` 0.4 finds most people and animals with few false alarms; ``max_overlap`` is the
    intersection over union from which two boxes are one object, whatever their classes.
    """

    min_score: float = Field(0.4, ge=0, le=1)
    max_objects: int = Field(50, ge=1, le=100)
    max_overlap: float = Field(0.6, ge=0, le=1)
    threads: int = Field(1, ge=1)


class ObjectDetector(Model[ImageRequest, Objects]):
    """Finds and names objects, each with its box."""

    Options = ObjectDetectorOptions
    _session: Any = None

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        """The sha256 of its files."""
        return weights_of(NAME, WEIGHTS)

    def load(self, device: str) -> None:
        """Open the network on ``device`` (onnxruntime without CUDA uses the processor)."""
        with libraries_for("object detection"):
            import cv2  # noqa: F401 - infer() needs it: miss it now
            import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = self.options.threads
        settings.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            ModelStore().path(NAME, WEIGHTS), settings, providers=_providers(device)
        )

    def infer(self, batch: Sequence[ImageRequest]) -> list[Objects]:
        """Detect in each picture by itself; raises BadInput for what is no picture."""
        if self._session is None:
            raise ModelError(NAME, "call load() before infer()")
        return [self._detect(image_of(request)) for request in batch]

    def _detect(self, image: Image) -> Objects:
        canvas, place = letterbox(image, INPUT_SIZE)
        rows = self._session.run([OUTPUT], {INPUT: canvas[None].astype(np.float32)})[0][0]
        return select_objects(rows, place, self.options)

    def unload(self) -> None:
        """Let go of the network."""
        self._session = None


def select_objects(rows: Floats, place: Letterbox, options: ObjectDetectorOptions) -> Objects:
    """The network's ``rows`` (N, 6: x0, y0, x1, y1, score, class; canvas pixels) as objects.

    Faint rows, duplicates and boxes that lie outside the picture are left out.
    """
    rows = rows[rows[:, 4] >= options.min_score]
    boxes, scores = place.boxes_to_image(rows[:, :4]), rows[:, 4]
    visible = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    boxes, scores, classes = boxes[visible], scores[visible], rows[visible, 5].astype(int)
    kept = suppress_duplicates(boxes, scores, options.max_overlap)[: options.max_objects]
    names = read_labels("coco")
    return {
        "labels": [names[classes[index]] for index in kept],
        "scores": [float(scores[index]) for index in kept],
        "boxes": boxes[kept],
    }


def _providers(device: str) -> list[Any]:
    """Where onnxruntime computes: the processor, before it the GPU that ``device`` names."""
    import onnxruntime

    kind, _, index = device.partition(":")
    providers: list[Any] = ["CPUExecutionProvider"]
    if kind == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": int(index or 0)}))
    return providers
