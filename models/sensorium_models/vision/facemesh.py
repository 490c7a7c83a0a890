"""The mesh of a face: 468 points on its surface (Kartynnik et al. 2019), the lips' among them.

It looks at the square around one face, half as large again as the face detector's box and turned
so that the eyes lie level, shrunk to 192 x 192 pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from pydantic import Field

from sensorium.errors import BadInput, ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.store import ModelStore
from sensorium_models.store.fingerprint import weights_of

from .blazeface import KEYPOINTS, without_chatter
from .images import Floats, Image, ImageRequest, image_of
from .libraries import libraries_for

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "face-mesh"
WEIGHTS = "face_landmark.tflite"
INPUT_SIZE = 192
POINTS = 468
WIDER = 1.5
"""Of the face's box, how much is looked at: forehead and chin lie outside of it."""
RIGHT, LEFT = KEYPOINTS.index("right eye"), KEYPOINTS.index("left eye")


class MeshRequest(ImageRequest):
    """A picture and one face of it, as :class:`~.blazeface.FaceDetector` gives it."""

    box: Floats
    """(4,): x0, y0, x1, y1 in pixels."""
    keypoints: Floats
    """(6, 2): x, y in pixels, in order of ``KEYPOINTS``."""


class Mesh(TypedDict):
    """One face."""

    points: Floats
    """(468, 2): x, y in pixels of the picture, in the order of the published mesh."""
    score: float
    """How sure it is that this is a face, in [0, 1]."""


class FaceMeshOptions(ModelOptions):
    """Options of :class:`FaceMesh`."""

    threads: int = Field(1, ge=1)


class FaceMesh(Model[MeshRequest, Mesh]):
    """Finds the 468 points of a face. Runs on the processor."""

    Options = FaceMeshOptions
    _interpreter: Any = None

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        """The sha256 of its files."""
        return weights_of(NAME, WEIGHTS)

    def load(self, device: str) -> None:
        """Open the network; ``device`` does not matter. Raises ModelUnavailable."""
        path = ModelStore().path(NAME, WEIGHTS)
        with libraries_for("the face mesh"):
            import cv2  # noqa: F401 - infer() needs it: miss it now
            from ai_edge_litert.interpreter import Interpreter

        with without_chatter():
            interpreter = Interpreter(str(path), num_threads=self.options.threads)
            interpreter.allocate_tensors()
        self._input = interpreter.get_input_details()[0]["index"]
        outputs = {o["shape"][-1]: o["index"] for o in interpreter.get_output_details()}
        self._points, self._score = outputs[3 * POINTS], outputs[1]
        self._interpreter = interpreter

    def infer(self, batch: Sequence[MeshRequest]) -> list[Mesh]:
        """One mesh for each request; raises BadInput for what is no picture or no face of it."""
        if self._interpreter is None:
            raise ModelError(NAME, "call load() before infer()")
        return [self._look(image_of(request), *_face_of(request)) for request in batch]

    def _look(self, image: Image, box: Floats, keypoints: Floats) -> Mesh:
        import cv2

        to_canvas = around(box, keypoints)
        view = cv2.warpAffine(image, to_canvas, (INPUT_SIZE, INPUT_SIZE), flags=cv2.INTER_LINEAR)
        self._interpreter.set_tensor(self._input, view[None].astype(np.float32) / 255)
        self._interpreter.invoke()
        found = self._interpreter.get_tensor(self._points).reshape(POINTS, 3)[:, :2]
        logit = float(self._interpreter.get_tensor(self._score).item())
        to_image = cv2.invertAffineTransform(to_canvas)
        points = found @ to_image[:, :2].T + to_image[:, 2]
        return {
            "points": np.asarray(points, np.float32),
            "score": float(1 / (1 + np.exp(-np.clip(logit, -80, 80)))),
        }

    def unload(self) -> None:
        """Let go of the network."""
        self._interpreter = None


def around(box: Floats, keypoints: Floats) -> Floats:
    """(2, 3): from pixels of the picture to those of the 192 x 192 that the network sees."""
    middle = (box[:2] + box[2:]) / 2
    side = WIDER * float(np.max(box[2:] - box[:2]))
    across = keypoints[LEFT] - keypoints[RIGHT]
    angle = float(np.arctan2(across[1], across[0]))
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    turn *= INPUT_SIZE / side
    shift = INPUT_SIZE / 2 - turn @ middle
    return np.asarray(np.column_stack([turn, shift]), np.float32)


def _face_of(request: MeshRequest) -> tuple[Floats, Floats]:
    box = np.asarray(request.get("box"), np.float32)
    keypoints = np.asarray(request.get("keypoints"), np.float32)
    if box.shape != (4,) or keypoints.shape != (len(KEYPOINTS), 2):
        raise BadInput(
            f"a face is a box (4,) and keypoints ({len(KEYPOINTS)}, 2) of the face detector, not"
            f" {box.shape} and {keypoints.shape}"
        )
    if not (np.isfinite(box).all() and np.isfinite(keypoints).all() and (box[2:] > box[:2]).all()):
        raise BadInput(f"the face's box {box.tolist()} has no area, or is not finite")
    return box, keypoints
