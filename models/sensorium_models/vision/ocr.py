"""Written text in a picture: PP-OCR (Du et al. 2020) by way of RapidOCR.

RapidOCR finds lines, turns the ones that stand on their heads and reads them. Its networks
travel in its own package; their paths are handed to it so that it never looks elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from pydantic import Field

from sensorium.errors import ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.store import ModelStore
from sensorium_models.store.fingerprint import weights_of

from .images import Floats, Image, ImageRequest, image_of
from .libraries import libraries_for

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "rapidocr"
WEIGHTS = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
}
SMALLEST_SIDE, LONGEST_RATIO = 32, 4  # pixels, and longer side to shorter side


class TextLines(TypedDict):
    """Lines in reading order (top to bottom, left to right), how sure, and where.

    ``boxes`` is (N, 4, 2): the corners x, y in pixels, from the text's own top left clockwise.
    """

    lines: list[str]
    scores: list[float]
    boxes: Floats


class TextReaderOptions(ModelOptions):
    """Options of :class:`TextReader`: lines below ``min_score`` are left out."""

    min_score: float = Field(0.6, ge=0, le=1)
    threads: int = Field(1, ge=1)


class TextReader(Model[ImageRequest, TextLines]):
    """Reads the text in a picture, Latin and Chinese. Takes about a second: not for every frame."""

    Options = TextReaderOptions
    _engine: Any = None

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        """The sha256 of its files."""
        return weights_of(NAME)

    def load(self, device: str) -> None:
        """Open the three networks, on the processor; raises ModelUnavailable without them."""
        with libraries_for("reading text"):
            from rapidocr import RapidOCR

        store = ModelStore()
        params: dict[str, Any] = {
            f"{stage}.model_path": str(store.path(NAME, path)) for stage, path in WEIGHTS.items()
        }
        params |= {
            "Global.log_level": "critical",
            "Global.text_score": self.options.min_score,
            "EngineConfig.onnxruntime.intra_op_num_threads": self.options.threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        self._engine = RapidOCR(params=params)

    def warm_up(self) -> None:
        """RapidOCR opens each network when it is first used: use them now, for nobody."""
        blank = np.full((48, 48, 3), 255, np.uint8)
        self._engine(blank, use_det=False)
        self._engine(blank, use_det=True)

    def infer(self, batch: Sequence[ImageRequest]) -> list[TextLines]:
        """Read each picture by itself; raises BadInput for what is no picture."""
        if self._engine is None:
            raise ModelError(NAME, "call load() before infer()")
        return [self._read(image_of(request)) for request in batch]

    def _read(self, image: Image) -> TextLines:
        height, width = image.shape[:2]
        found = self._engine(with_margins(image)[..., ::-1].copy())  # it expects BGR
        lines = getattr(found, "txts", None)  # another type comes back where none was read
        if not lines:
            return {"lines": [], "scores": [], "boxes": np.zeros((0, 4, 2), np.float32)}
        return {
            "lines": list(lines),
            "scores": [float(score) for score in found.scores],
            "boxes": np.clip(found.boxes, 0, (width, height)).astype(np.float32),
        }

    def unload(self) -> None:
        """Let go of the networks."""
        self._engine = None


def with_margins(image: Image) -> Image:
    """``image`` with margins of its median colour to the right or below, if it is a thin strip.

    RapidOCR enlarges the shorter side, which would blow a strip of a few pixels up to gigabytes.
    """
    height, width = image.shape[:2]
    least = max(SMALLEST_SIDE, -(-max(height, width) // LONGEST_RATIO))
    if min(height, width) >= least:
        return image
    canvas = np.empty((max(height, least), max(width, least), 3), np.uint8)
    canvas[:] = np.median(image, axis=(0, 1))
    canvas[:height, :width] = image
    return canvas
