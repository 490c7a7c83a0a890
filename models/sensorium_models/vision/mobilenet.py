"""What a picture shows as a whole: one of 1000 ImageNet classes, and 1280 features.

The network is :mod:`sensorium_models.vision.mobilenet_v2`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np
from pydantic import Field

from sensorium.errors import ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.store import ModelStore
from sensorium_models.store.fingerprint import weights_of

from .images import Floats, Image, ImageRequest, centre_square, image_of
from .labels import read_labels
from .libraries import libraries_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .mobilenet_v2 import MobileNetV2

NAME = "mobilenet-v2"
WEIGHTS = "mobilenet_v2-b0353104.pth"

# The evaluation transform these weights were published with.
SHORTER_SIDE, INPUT_SIZE = 256, 224
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class Classes(TypedDict):
    """The likeliest ``labels`` with probabilities ``scores``, best first; ``features`` (1280,)."""

    labels: list[str]
    scores: list[float]
    features: Floats


class ImageClassifierOptions(ModelOptions):
    """Options of :class:`ImageClassifier`: how many classes it names."""

    top_k: int = Field(5, ge=1, le=1000)


class ImageClassifier(Model[ImageRequest, Classes]):
    """Names the ImageNet classes that a picture resembles most.

    ImageNet knows things and animals but has no class "person". The features
    (:meth:`MobileNetV2.embed`) are useful for comparing pictures by cosine.
    """

    Options = ImageClassifierOptions
    _network: MobileNetV2 | None = None
    _device = "cpu"

    @classmethod
    def weights(cls, options: ImageClassifierOptions) -> dict[str, str]:
        """The sha256 of its files."""
        return weights_of(NAME, WEIGHTS)

    def load(self, device: str) -> None:
        """Bring the weights to ``device``; raises ModelUnavailable without them."""
        with libraries_for("image classification"):
            import PIL.Image  # noqa: F401 - infer() needs it: miss it now
            import torch

            from .mobilenet_v2 import MobileNetV2

        weights = torch.load(
            ModelStore().path(NAME, WEIGHTS), map_location="cpu", weights_only=True
        )
        network = MobileNetV2()
        network.load_state_dict(weights)
        self._network, self._device = network.eval().to(device), device

    def warm_up(self) -> None:
        """Have torch prepare its kernels."""
        self.infer([{"image": np.zeros((INPUT_SIZE, INPUT_SIZE, 3), np.uint8)}])

    def infer(self, batch: Sequence[ImageRequest]) -> list[Classes]:
        """Classify pictures of any sizes in one pass; raises BadInput for what is no picture."""
        import torch

        if self._network is None:
            raise ModelError(NAME, "call load() before infer()")
        if not batch:
            return []
        inputs = np.stack([preprocess(image_of(request)) for request in batch])
        with torch.inference_mode():
            features = self._network.embed(torch.from_numpy(inputs).to(self._device))
            probabilities = self._network.classifier(features).softmax(dim=1)
            scores, classes = probabilities.topk(self.options.top_k)
        names = read_labels("imagenet")
        return [
            {"labels": [names[c] for c in row], "scores": row_scores, "features": row_features}
            for row, row_scores, row_features in zip(
                classes.tolist(), scores.tolist(), features.cpu().numpy(), strict=True
            )
        ]

    def unload(self) -> None:
        """Let go of the network."""
        self._network = None


def preprocess(image: Image) -> Floats:
    """uint8 RGB (H, W, 3) -> (3, 224, 224): the middle of the picture, each channel normalised."""
    square = centre_square(image, SHORTER_SIDE, INPUT_SIZE)
    normalised = (square.astype(np.float32) / 255 - MEAN) / DEVIATION
    return np.ascontiguousarray(normalised.transpose(2, 0, 1))
