"""What a ControlNet is led by, taken out of a picture: edges, depth, or a person's pose.

Edges are Canny's (1986), by OpenCV. Depth comes from any depth estimator in the format of
``transformers``, or is given as a grey picture, near being light; without either, what stands out
from a plain wall counts as near. No network here finds people: a pose is given as points.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency, ModelUnavailable

Kind = Literal["canny", "depth", "pose"]
KINDS: tuple[Kind, ...] = get_args(Kind)
U8 = NDArray[np.uint8]
LOW, HIGH = 60, 150
"""Canny's thresholds."""
NEAR, FAR = 200, 60
"""Grey levels of what stands out and of the wall, where depth is guessed."""
POINTS = 18
"""Of a body, in OpenPose's order for COCO: nose, neck, arms, legs, eyes, ears."""
LIMBS = (
    (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12),
    (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
LEAST_CONFIDENCE = 0.1


def extract(image: U8, kind: str, *, depth_model: str = "") -> U8:
    """The control (H, W, 3) of a picture (H, W, 3) uint8 RGB.

    ``depth_model`` is a folder or hub id of ``transformers.AutoModelForDepthEstimation``. Raises
    BadInput for a kind there is none of, and for ``pose``, which is given and not found.
    """
    if kind == "canny":
        return canny(image)
    if kind == "depth":
        return depth(image, depth_model)
    if kind == "pose":
        raise BadInput(
            "no network here finds a person's pose: give the points as a JSON file of OpenPose"
            " (people[].pose_keypoints_2d), or a picture of a pose"
        )
    raise BadInput(f"no control {kind!r}; there are: {', '.join(KINDS)}")


def canny(image: U8, low: int = LOW, high: int = HIGH) -> U8:
    """Edges, white on black."""
    import cv2

    return _grey(np.asarray(cv2.Canny(image, low, high), np.uint8))


def depth(image: U8, weights: str = "") -> U8:
    """Nearness, white being nearest; a grey picture is taken for depth already."""
    if weights:
        return _estimated(image, weights)
    if (image == image[:, :, :1]).all():
        return image
    from sensorium_sims.world.judge import segments

    found = np.full(image.shape[:2], FAR, np.uint8)
    for mask in segments(image):
        found[mask] = NEAR
    return _grey(found)


def world_depth(metres: NDArray[np.float32]) -> U8:
    """The world's own depth (H, W) in metres as a control: 1 m is white, the wall dark."""
    near = np.clip((4.4 - metres) / 3.4, 0, 1)
    return _grey((near * 255).astype(np.uint8))


def pose_from_file(path: Path, height: int, width: int) -> U8:
    """A picture of the bodies in a JSON file of OpenPose; raises BadInput for what is none."""
    try:
        people = json.loads(path.read_text(encoding="utf-8"))["people"]
        bodies = [np.array(one["pose_keypoints_2d"], float).reshape(POINTS, 3) for one in people]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{path} holds no OpenPose bodies (people[].pose_keypoints_2d of {POINTS} x 3): {error}"
        ) from error
    return pose(bodies, height, width)


def pose(bodies: list[NDArray[np.float64]], height: int, width: int) -> U8:
    """Bodies, each (18, 3) of x, y in pixels and confidence, as limbs in colours on black."""
    import cv2

    canvas = np.zeros((height, width, 3), np.uint8)
    thick = max(1, round(min(height, width) / 64))
    for body in bodies:
        for number, (one, other) in enumerate(LIMBS):
            if min(body[one, 2], body[other, 2]) < LEAST_CONFIDENCE:
                continue
            turn = 2 * math.pi * number / len(LIMBS)
            colour = [round(127.5 * (1 + math.cos(turn - third))) for third in (0, 2.094, 4.189)]
            ends = [tuple(int(v) for v in np.round(body[at, :2])) for at in (one, other)]
            cv2.line(canvas, ends[0], ends[1], colour, thick)
    return canvas


def _estimated(image: U8, weights: str) -> U8:
    try:
        import torch
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation
    except ImportError as error:
        remedy = 'Run: pip install "sensorium[generation,language]"'
        raise MissingDependency("depth", error.name or "transformers", remedy) from error
    processors: Any = AutoImageProcessor
    try:
        processor = processors.from_pretrained(weights, local_files_only=True)
        model: Any = AutoModelForDepthEstimation.from_pretrained(weights, local_files_only=True)
    except Exception as error:  # what it raises differs with what is wrong with a file
        reason = str(error).strip().splitlines()[0]
        raise ModelUnavailable("depth", f"cannot load {weights!r}: {reason}") from error
    import cv2

    with torch.inference_mode():
        ready = processor(images=image, return_tensors="pt", input_data_format="channels_last")
        found = model.eval()(**ready).predicted_depth[0].float().numpy()
    found = cv2.resize(found, (image.shape[1], image.shape[0]))
    spread = max(float(found.max() - found.min()), 1e-6)
    return _grey(((found - found.min()) / spread * 255).astype(np.uint8))


def _grey(plane: U8) -> U8:
    return np.repeat(plane[:, :, None], 3, axis=2)
