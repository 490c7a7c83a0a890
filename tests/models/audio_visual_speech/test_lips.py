"""Where lips are, and which picture shows them when."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium_models.audio_visual_speech.lips import at_moments, lips_of
from sensorium_sims.world.face import MOUTHS, Mouth, draw_face, sample_identity


def numbered(count: int) -> np.ndarray:
    return np.stack([np.full((24, 24), at, np.uint8) for at in range(count)])


def test_a_moment_shows_the_nearest_picture_of_its_time() -> None:
    times = [0.0, 0.033, 0.066, 0.1]  # 30 a second, then no more
    shown, seen = at_moments(numbered(4), times, 6)
    assert (shown[:, 0, 0] * 255).round().tolist() == [1, 2, 3, 3, 3, 0]
    assert seen.tolist() == [True] * 5 + [False]


def test_the_order_of_arrival_does_not_matter() -> None:
    times = np.array([0.3, 0.02, 0.18])
    one = at_moments(numbered(3), times.tolist(), 9)
    other = at_moments(numbered(3)[[2, 0, 1]], times[[2, 0, 1]].tolist(), 9)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


def test_one_picture_stands_for_its_surroundings_only() -> None:
    _, seen = at_moments(numbered(1), [0.5], 25)
    assert seen.nonzero()[0].tolist() == [10, 11, 12, 13, 14]


@pytest.mark.models
def test_the_lips_of_a_drawn_face_are_found() -> None:
    from sensorium_models.vision.blazeface import FaceDetector

    detector = FaceDetector()
    detector.load("cpu")
    rng = np.random.default_rng(5)
    for _ in range(10):
        face, true = draw_face(sample_identity(rng), Mouth(*MOUTHS["aa"]), 96)
        picture = np.pad(face, ((20, 40), (60, 10), (0, 0)), mode="edge")
        found = lips_of(picture, detector.infer([{"image": picture}])[0])
        assert found["lips"] is not None
        assert found["box"] is not None
        assert found["lips"].shape == (24, 24, 3)
        middle = np.array([(true[0] + true[2]) / 2 + 60, (true[1] + true[3]) / 2 + 20])
        box = np.array(found["box"])
        np.testing.assert_allclose((box[:2] + box[2:]) / 2, middle, atol=6)
        assert 0.8 < (box[2] - box[0]) / (true[2] - true[0]) < 1.25


def test_no_face_has_no_lips() -> None:
    nothing = {"scores": [], "boxes": np.zeros((0, 4)), "keypoints": np.zeros((0, 6, 2))}
    assert lips_of(np.zeros((96, 96, 3), np.uint8), nothing)["lips"] is None
