"""Lips as a poor camera sees them: drawn lips are cleaner than any filmed ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.world.libraries import cv2
from sensorium_sims.world.sampling import Rng

U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Camera:
    """``detail`` is the side in pixels that is really resolved, ``blur`` the share of the last
    frame that stays, ``noise`` in grey levels, ``shake`` in pixels, ``lost`` the share of frames
    that never came (the last one is shown again)."""

    detail: int = 12
    blur: float = 0.3
    noise: float = 12.0
    shake: float = 1.0
    lost: float = 0.1


def filmed(lips: U8, camera: Camera, rng: Rng) -> U8:
    """``lips`` (T, S, S, 3) as the camera gives them, the same shape."""
    count, size = lips.shape[:2]
    detail = min(camera.detail, size)
    seen = np.empty(lips.shape, np.float32)
    light, gain = rng.uniform(-18, 18), rng.uniform(0.8, 1.2)
    for index, frame in enumerate(lips):
        dx, dy = rng.uniform(-camera.shake, camera.shake, 2)
        moved = cv2.warpAffine(
            frame, np.array([(1, 0, dx), (0, 1, dy)]), (size, size), borderMode=cv2.BORDER_REPLICATE
        )
        coarse = cv2.resize(moved, (detail, detail), interpolation=cv2.INTER_AREA)
        seen[index] = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR)
    for index in range(1, count):
        stale = 1.0 if rng.random() < camera.lost else camera.blur
        seen[index] += stale * (seen[index - 1] - seen[index])
    seen = (seen - 128) * gain + 128 + light
    seen += camera.noise * rng.standard_normal(seen.shape, dtype=np.float32)
    return np.asarray(np.clip(seen + 0.5, 0, 255), np.uint8)
