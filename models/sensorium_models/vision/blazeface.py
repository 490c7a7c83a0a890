"""Faces within about two metres: BlazeFace, short range (Bazarevsky et al. 2019).

An SSD of 896 square anchors on a 128 x 128 picture. Every anchor gives a score, a box and six
keypoints; overlapping answers are blended by their scores instead of cut away, which steadies
the box from frame to frame (section 3.3 of the paper).
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from sensorium.errors import ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.store import ModelStore
from sensorium_models.store.fingerprint import weights_of

from .images import Floats, Image, ImageRequest, Objects, image_of, letterbox, overlaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
from .libraries import libraries_for

NAME = "blazeface-short-range"
WEIGHTS = "face_detection_short_range.tflite"
INPUT_SIZE = 128
# (stride in pixels, anchors at each cell): 16*16*2 + 8*8*6 = 896.
ANCHOR_LAYERS = ((8, 2), (16, 6))
LARGEST_LOGIT = 80.0  # the sigmoid is 0 or 1 long before; exp() of float32 overflows at 89
STDERR = 2
GREETING = b"INFO: Created TensorFlow Lite XNNPACK delegate"
KEYPOINTS = ("right eye", "left eye", "nose tip", "mouth", "right ear", "left ear")
"""What the six keypoints are; right and left are the person's own."""


class Faces(Objects):
    """Faces, best first: ``keypoints`` (N, 6, 2) are x, y in pixels, in order of KEYPOINTS.

    A keypoint may lie outside the picture.
    """

    keypoints: Floats


class FaceDetectorOptions(ModelOptions):
    """Options of :class:`FaceDetector`.

    Faces that were looked at, profiles too, scored 0.72 and more; flowers, fruit and cats reach
    0.65 and would pass the 0.5 that the network was published with.
    """

    min_score: float = Field(0.7, ge=0, le=1)
    max_overlap: float = Field(0.3, ge=0, le=1)
    threads: int = Field(1, ge=1)


class FaceDetector(Model[ImageRequest, Faces]):
    """Finds faces, from eyebrows to chin, with six keypoints each. Runs on the processor."""

    Options = FaceDetectorOptions
    _interpreter: Any = None

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        """The sha256 of its files."""
        return weights_of(NAME, WEIGHTS)

    def load(self, device: str) -> None:
        """Open the network; ``device`` does not matter, 2 ms on one core is all it takes."""
        with libraries_for("face detection"):
            import cv2  # noqa: F401 - infer() needs it: miss it now
            from ai_edge_litert.interpreter import Interpreter

        path = ModelStore().path(NAME, WEIGHTS)
        with without_chatter():
            interpreter = Interpreter(str(path), num_threads=self.options.threads)
            interpreter.allocate_tensors()
        self._input = interpreter.get_input_details()[0]["index"]
        outputs = {tuple(o["shape"]): o["index"] for o in interpreter.get_output_details()}
        self._scores, self._shapes = outputs[(1, 896, 1)], outputs[(1, 896, 16)]
        self._anchors = anchor_centres()
        self._interpreter = interpreter

    def infer(self, batch: Sequence[ImageRequest]) -> list[Faces]:
        """Detect in each picture by itself; raises BadInput for what is no picture."""
        if self._interpreter is None:
            raise ModelError(NAME, "call load() before infer()")
        return [self._detect(image_of(request)) for request in batch]

    def _detect(self, image: Image) -> Faces:
        canvas, place = letterbox(image, INPUT_SIZE)
        self._interpreter.set_tensor(self._input, canvas[None].astype(np.float32) / 127.5 - 1)
        self._interpreter.invoke()
        logits = self._interpreter.get_tensor(self._scores)[0, :, 0]
        raw = self._interpreter.get_tensor(self._shapes)[0]
        scores = 1 / (1 + np.exp(-np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)))
        sure = scores >= self.options.min_score
        shapes = decode(raw[sure], self._anchors[sure])
        shapes, scores = blend_duplicates(shapes, scores[sure], self.options.max_overlap)
        return {
            "labels": ["face"] * len(scores),
            "scores": scores.tolist(),
            "boxes": place.boxes_to_image(shapes[:, :4]),
            "keypoints": place.to_image(shapes[:, 4:]).reshape(-1, len(KEYPOINTS), 2),
        }

    def unload(self) -> None:
        """Let go of the network."""
        self._interpreter = None


@contextmanager
def without_chatter() -> Iterator[None]:
    """Keep LiteRT's greeting off standard error; lines by anybody else arrive when this ends.

    LiteRT writes it from C++ straight to the file descriptor and offers no setting against it.
    """
    with tempfile.TemporaryFile() as held:
        terminal = os.dup(STDERR)
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        finally:
            os.dup2(terminal, STDERR)
            os.close(terminal)
            held.seek(0)
            for line in held:
                if not line.startswith(GREETING):
                    os.write(STDERR, line)


def anchor_centres() -> Floats:
    """Centres x, y of the 896 anchors in input pixels, in the order of the network's output."""
    layers = []
    for stride, per_cell in ANCHOR_LAYERS:
        ticks = np.arange(stride / 2, INPUT_SIZE, stride, dtype=np.float32)
        x, y = np.meshgrid(ticks, ticks)
        layers.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(layers)


def decode(raw: Floats, anchors: Floats) -> Floats:
    """The network's answers (N, 16) at their ``anchors`` (N, 2), as points in input pixels.

    An answer is centre, size, six keypoints; all but the size count from the anchor. Returns
    (N, 16): x0, y0, x1, y1, then the keypoints x, y.
    """
    centres, sizes = raw[:, :2] + anchors, raw[:, 2:4]
    keypoints = raw[:, 4:] + np.tile(anchors, len(KEYPOINTS))
    return np.concatenate([centres - sizes / 2, centres + sizes / 2, keypoints], axis=1)


def blend_duplicates(shapes: Floats, scores: Floats, max_overlap: float) -> tuple[Floats, Floats]:
    """One shape for each face: the average, weighted by score, of all that overlap the best one.

    ``shapes`` (N, 16) begin with their box; returns (M, 16) and their best scores (M,).
    """
    order = np.argsort(-scores, kind="stable")
    blended, best = [], []
    while len(order):
        near = overlaps(shapes[order[0], :4], shapes[order, :4]) > max_overlap
        near[0] = True  # even if its box is empty
        group = order[near]
        blended.append(np.average(shapes[group], axis=0, weights=scores[group]))
        best.append(scores[group[0]])
        order = order[~near]
    return (
        np.array(blended, np.float32).reshape(-1, shapes.shape[1]),
        np.array(best, np.float32),
    )
