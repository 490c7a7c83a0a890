from __future__ import annotations

import os

import numpy as np
import pytest

from sensorium.errors import BadInput, ModelError
from sensorium_models.vision.blazeface import (
    GREETING,
    FaceDetector,
    anchor_centres,
    blend_duplicates,
    decode,
    without_chatter,
)

from .conftest import Picture


def test_there_are_896_anchors_in_the_middles_of_their_cells() -> None:
    anchors = anchor_centres()
    assert anchors.shape == (896, 2)
    np.testing.assert_array_equal(anchors[[0, 1, 2, 511]], [[4, 4], [4, 4], [12, 4], [124, 124]])
    np.testing.assert_array_equal(
        anchors[[512, 517, 518, 895]], [[8, 8], [8, 8], [24, 8], [120, 120]]
    )


def test_an_answer_counts_from_its_anchor() -> None:
    raw = np.zeros((1, 16), np.float32)
    raw[0, :6] = [2, -3, 20, 10, 1, 5]
    shape = decode(raw, np.array([[60, 40]], np.float32))[0]
    np.testing.assert_array_equal(shape[:4], [52, 32, 72, 42])
    np.testing.assert_array_equal(shape[4:8], [61, 45, 60, 40])


def test_overlapping_answers_are_averaged_by_their_scores() -> None:
    shapes = np.zeros((3, 16), np.float32)
    shapes[:, :4] = [[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]]
    blended, scores = blend_duplicates(shapes, np.array([0.6, 0.9, 0.7], np.float32), 0.3)
    np.testing.assert_allclose(blended[:, :4], [[1.2, 0, 11.2, 10], [50, 50, 60, 60]], rtol=1e-6)
    np.testing.assert_allclose(scores, [0.9, 0.7])


def test_answers_without_area_do_not_hang_the_blending() -> None:
    blended, _ = blend_duplicates(np.zeros((2, 16), np.float32), np.ones(2, np.float32), 0.3)
    assert len(blended) == 2
    nothing, scores = blend_duplicates(np.zeros((0, 16), np.float32), np.zeros(0, np.float32), 0.3)
    assert (nothing.shape, scores.shape) == ((0, 16), (0,))


def test_only_the_greeting_is_kept_from_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with without_chatter():
        os.write(2, GREETING + b" for CPU.\nsomething else\n")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "something else\n"


def test_inferring_before_loading_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"load\(\)"):
        FaceDetector().infer([])


@pytest.mark.models
def test_real_weights_find_a_face_and_its_parts(
    picture: Picture, capfd: pytest.CaptureFixture[str]
) -> None:
    detector = FaceDetector()
    detector.load("cpu")
    blank, pixel = np.zeros((70, 300, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)
    photos = [picture("astronaut"), blank, pixel, picture("chelsea-cat")]
    astronaut, *others = detector.infer([{"image": photo} for photo in photos])
    assert astronaut["labels"] == ["face"]
    assert astronaut["scores"][0] > 0.8
    x0, y0, x1, y1 = astronaut["boxes"][0]
    right_eye, left_eye, nose, mouth, *_ = astronaut["keypoints"][0]
    assert x0 < right_eye[0] < nose[0] < left_eye[0] < x1
    assert y0 < right_eye[1] < nose[1] < mouth[1] < y1
    for result in others:
        assert result["labels"] == []
        assert result["boxes"].shape == (0, 4)
        assert result["keypoints"].shape == (0, 6, 2)
    with pytest.raises(BadInput):
        detector.infer([{"image": photos[0][..., 0]}])
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
