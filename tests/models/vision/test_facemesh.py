"""The mesh of a face: where it looks, what it refuses, and a real face."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium.errors import BadInput, ModelError
from sensorium_models.audio_visual_speech.lips import MESH_LIPS
from sensorium_models.vision.blazeface import FaceDetector
from sensorium_models.vision.facemesh import INPUT_SIZE, FaceMesh, around

from .conftest import Picture

BOX = np.array([40, 20, 80, 60], np.float32)
KEYPOINTS = np.array([(50, 30), (70, 30), (60, 40), (60, 50), (40, 32), (80, 32)], np.float32)


def test_it_looks_at_a_level_square_half_as_large_again() -> None:
    level = around(BOX, KEYPOINTS)
    np.testing.assert_allclose(level @ (60, 40, 1), [INPUT_SIZE / 2] * 2, atol=1e-4)
    np.testing.assert_allclose(level @ (30, 10, 1), [0, 0], atol=1e-4)
    tilted = KEYPOINTS.copy()
    tilted[0], tilted[1] = (52, 24), (68, 40)  # 45 degrees
    turned = around(BOX, tilted)
    right, left = (turned @ (*point, 1) for point in tilted[:2])
    assert right[1] == pytest.approx(left[1], abs=1e-3)
    assert left[0] > right[0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"box": BOX[:3]}, "box"),
        ({"keypoints": KEYPOINTS[:4]}, "keypoints"),
        ({"box": BOX[[2, 1, 0, 3]]}, "no area"),
        ({"keypoints": KEYPOINTS * np.nan}, "not finite"),
        ({"image": np.zeros((9, 9), np.uint8)}, "image"),
    ],
)
def test_what_is_no_face_is_refused(changed: dict[str, Any], said: str) -> None:
    mesh = FaceMesh()
    mesh._interpreter = object()  # loaded, as far as the check of what comes in goes
    request: Any = {"image": np.zeros((96, 96, 3), np.uint8), "box": BOX, "keypoints": KEYPOINTS}
    with pytest.raises(BadInput, match=said):
        mesh.infer([request | changed])


def test_inferring_before_loading_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"load\(\)"):
        FaceMesh().infer([])


@pytest.mark.models
def test_real_weights_find_the_lips_of_a_real_face_however_it_is_turned(picture: Picture) -> None:
    detector, mesh = FaceDetector(), FaceMesh()
    detector.load("cpu")
    mesh.load("cpu")

    def lips(image: np.ndarray) -> tuple[np.ndarray, Any]:
        (found,) = detector.infer([{"image": image}])
        assert len(found["scores"]) == 1
        keypoints = found["keypoints"][0]
        (seen,) = mesh.infer([{"image": image, "box": found["boxes"][0], "keypoints": keypoints}])
        assert seen["score"] > 0.9
        return seen["points"][list(MESH_LIPS)], keypoints

    photo = picture("astronaut")
    rim, keypoints = lips(photo)
    low, high = rim.min(0), rim.max(0)
    assert (np.abs((low + high) / 2 - keypoints[3]) < 8).all()  # BlazeFace's own mouth
    assert 1.5 < (high - low)[0] / (high - low)[1] < 4  # wide, and no line
    mirrored, _ = lips(np.ascontiguousarray(photo[:, ::-1]))
    np.testing.assert_allclose(
        (mirrored.min(0) + mirrored.max(0)) / 2,
        [photo.shape[1] - (low + high)[0] / 2, (low + high)[1] / 2],
        atol=3,
    )
