"""Features of pictures for FID and KID, each under its own name.

:data:`INCEPTION` are those every published FID uses; their weights cannot be bundled, so they are
read from a file when there is one. :data:`STAND_IN` are those of the MobileNetV2 in the model
store. Neither is ever given in place of the other without its name saying so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, ModelCorrupt, ModelUnavailable
from sensorium_models.metrics.distribution import Features

if TYPE_CHECKING:
    import torch

U8 = NDArray[np.uint8]
INCEPTION = "inception-v3-2015-12-05-pool3-2048"
STAND_IN = "mobilenet-v2-imagenet-1280"
FILE = "pt_inception-2015-12-05-6726825d.pth"
SHA256_PREFIX = "6726825d"
Extractor = Callable[[U8], NDArray[np.float32]]
"""From pictures (N, H, W, 3) to features (N, D)."""


def features(images: U8 | Iterable[U8], extractor: Extractor, name: str) -> Features:
    """The features of pictures under the ``name`` of their extractor; batches come one by one."""
    batches = [images] if isinstance(images, np.ndarray) else images
    rows = [extractor(_checked(batch)) for batch in batches]
    if not rows:
        raise BadInput("there are no pictures to take features of")
    return Features(name, np.concatenate(rows))


def default_features(
    images: U8 | Iterable[U8], *, inception: Path | None = None, device: str = "cpu"
) -> Features:
    """Inception's when its file is given and there, else the stand-in's; the name tells which."""
    if inception is not None and inception.is_file():
        return features(images, inception_extractor(inception, device), INCEPTION)
    return features(images, stand_in_extractor(device), STAND_IN)


def inception_extractor(path: Path, device: str = "cpu", batch: int = 32) -> Extractor:
    """Features of the published Inception weights in a local file.

    Raises ModelUnavailable when there is no such file, ModelCorrupt when it is not the published
    one: features of other weights must not carry this name.
    """
    import hashlib

    import torch

    from sensorium_models.metrics.inception import FidInception

    if not path.is_file():
        raise ModelUnavailable(INCEPTION, f"there is no file {path}; it is published as {FILE}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not digest.startswith(SHA256_PREFIX):
        raise ModelCorrupt(
            INCEPTION, f"{path} is not {FILE}: its sha256 begins {digest[:8]}, not {SHA256_PREFIX}"
        )
    network = FidInception()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return _batched(network.eval().to(device), device, batch)


def _batched(network: torch.nn.Module, device: str, batch: int) -> Extractor:
    import torch

    def extract(images: U8) -> NDArray[np.float32]:
        rows = []
        with torch.inference_mode():
            for start in range(0, len(images), batch):
                part = torch.from_numpy(images[start : start + batch]).permute(0, 3, 1, 2)
                rows.append(network(part.to(device)).cpu().numpy())
        return np.concatenate(rows)

    return extract


def stand_in_extractor(device: str = "cpu", batch: int = 32) -> Extractor:
    """Features of the store's MobileNetV2; raises ModelUnavailable when it was not pulled."""
    from sensorium_models.vision.mobilenet import ImageClassifier

    model = ImageClassifier(ImageClassifier.Options())
    model.load(device)

    def extract(images: U8) -> NDArray[np.float32]:
        rows = []
        for start in range(0, len(images), batch):
            part = model.infer([{"image": image} for image in images[start : start + batch]])
            rows += [result["features"] for result in part]
        return np.stack(rows)

    return extract


def _checked(images: U8) -> U8:
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8 or not len(images):
        raise BadInput(f"pictures are uint8 (N, H, W, 3), not {images.dtype} {images.shape}")
    return images
