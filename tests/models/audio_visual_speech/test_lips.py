"""Where lips are, and which picture shows them when."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium_models.audio_visual_speech.lips import (
    MESH_LEFT_EYE,
    MESH_LIPS,
    MESH_RIGHT_EYE,
    at_moments,
    lips_of,
)
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


BOX = np.array([[20, 20, 80, 80]], np.float32)
POINTS = np.array([(40, 40), (60, 40), (50, 50), (50, 60), (25, 42), (75, 42)], np.float32)


def face(points: np.ndarray = POINTS) -> dict[str, object]:
    return {"scores": [0.9], "boxes": BOX, "keypoints": points[None]}


def a_mesh(score: float = 1.0, opening: float = 4.0) -> dict[str, object]:
    """Eyes 24 pixels apart, lips of 20 x 2 * ``opening`` pixels around (54, 62)."""
    points = np.zeros((468, 2), np.float32)
    points[list(MESH_RIGHT_EYE)], points[list(MESH_LEFT_EYE)] = (42, 40), (66, 40)
    angles = np.linspace(0, 2 * np.pi, len(MESH_LIPS), endpoint=False)
    around = np.stack([10 * np.cos(angles), opening * np.sin(angles)], 1)
    points[list(MESH_LIPS)] = np.array([54, 62]) + around
    return {"points": points, "score": score}


def boxed(mesh: object = None, points: np.ndarray = POINTS) -> tuple[float, float, float]:
    box = lips_of(np.zeros((96, 96, 3), np.uint8), face(points), mesh)["box"]
    assert box is not None
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2


def test_the_lips_are_where_the_mesh_says() -> None:
    x, y, half = boxed(a_mesh())
    assert (x, y) == pytest.approx((54, 62 + 0.045 * 24), abs=0.1)
    assert half == pytest.approx(0.62 * 24)
    assert boxed(a_mesh(opening=12))[2] == pytest.approx(half)  # an open mouth is no larger face
    assert boxed(a_mesh(opening=30))[2] == pytest.approx(33, abs=0.5)  # and a yawn is all inside


def test_without_a_mesh_that_is_sure_they_are_at_the_mouth_of_the_face() -> None:
    assert boxed() == pytest.approx((50, 60 + 0.09 * 20, 0.62 * 20))
    assert boxed(a_mesh(score=0.3)) == boxed()


def test_where_the_mouth_tells_nothing_they_are_in_the_lower_third() -> None:
    profile, astray = POINTS.copy(), POINTS.copy()
    profile[1] = (44, 40)  # the eyes nearly in one place
    astray[3] = (50, 10)
    assert boxed(points=profile) == boxed(points=astray) == pytest.approx((50, 70, 15))


@pytest.mark.models
def test_the_mesh_finds_the_lips_of_a_drawn_face_and_holds_them_steadier() -> None:
    from sensorium_models.vision.blazeface import FaceDetector
    from sensorium_models.vision.facemesh import FaceMesh

    detector, mesh = FaceDetector(), FaceMesh()
    detector.load("cpu")
    mesh.load("cpu")
    rng = np.random.default_rng(5)
    off: dict[str, list[np.ndarray]] = {"mesh": [], "alone": []}
    for mouth in MOUTHS.values():
        picture, true = draw_face(sample_identity(rng), Mouth(*mouth), 192)
        (found,) = detector.infer([{"image": picture}])
        if not found["scores"]:
            continue
        one = {"box": found["boxes"][0], "keypoints": found["keypoints"][0]}
        (points,) = mesh.infer([{"image": picture, **one}])  # type: ignore[typeddict-item]
        for name, given in (("mesh", points), ("alone", None)):
            box = lips_of(picture, found, given)["box"]
            assert box is not None
            off[name].append(np.array(box) - true)
    assert len(off["mesh"]) >= 12
    assert np.abs(np.median(off["mesh"], 0)).max() < 3  # of 192 pixels
    assert np.std(off["mesh"], 0).mean() < 0.8 * np.std(off["alone"], 0).mean()
