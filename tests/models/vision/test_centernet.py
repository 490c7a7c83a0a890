from __future__ import annotations

import numpy as np
import pytest

from sensorium.errors import BadInput, ModelError
from sensorium_models.vision.centernet import (
    ObjectDetector,
    ObjectDetectorOptions,
    select_objects,
)
from sensorium_models.vision.images import letterbox
from sensorium_models.vision.labels import read_labels

from .conftest import Picture

PERSON, CAT, DOG = 0, 15, 16
# A picture of 200 x 100 (width x height) fills a canvas of 512 from y = 128 to 384.
_, PLACE = letterbox(np.zeros((100, 200, 3), np.uint8), 512)


def rows(*values: tuple[float, ...]) -> np.ndarray:
    return np.array(values, np.float32).reshape(-1, 6)


def test_there_are_eighty_labels_in_order() -> None:
    labels = read_labels("coco")
    assert len(set(labels)) == 80
    assert [labels[PERSON], labels[CAT], labels[DOG], labels[79]] == [
        "person",
        "cat",
        "dog",
        "toothbrush",
    ]


def test_boxes_are_mapped_to_the_picture_and_cut_off_at_its_edges() -> None:
    found = select_objects(rows((256, 100, 600, 256, 0.9, CAT)), PLACE, ObjectDetectorOptions())
    assert found["labels"] == ["cat"]
    assert found["scores"] == [pytest.approx(0.9)]
    np.testing.assert_allclose(found["boxes"], [[100, 0, 200, 50]], atol=1e-4)


def test_one_object_under_two_names_is_found_once() -> None:
    found = select_objects(
        rows(
            (100, 200, 200, 300, 0.5, DOG),
            (102, 200, 200, 300, 0.8, CAT),
            (300, 200, 400, 300, 0.6, DOG),
        ),
        PLACE,
        ObjectDetectorOptions(),
    )
    assert found["labels"] == ["cat", "dog"]


def test_faint_rows_and_rows_in_the_margin_are_left_out() -> None:
    margin, faint = (100, 10, 200, 100, 0.9, CAT), (100, 200, 200, 300, 0.2, CAT)
    found = select_objects(rows(margin, faint), PLACE, ObjectDetectorOptions(min_score=0.3))
    assert (found["labels"], found["scores"], found["boxes"].shape) == ([], [], (0, 4))


def test_the_best_are_kept_when_there_are_too_many() -> None:
    many = rows(*[(50 * i, 200, 50 * i + 40, 300, 0.5 + i / 100, PERSON) for i in range(8)])
    found = select_objects(many, PLACE, ObjectDetectorOptions(max_objects=2))
    assert found["scores"] == pytest.approx([0.57, 0.56])


def test_inferring_before_loading_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"load\(\)"):
        ObjectDetector().infer([])


@pytest.fixture(scope="module")
def detector() -> ObjectDetector:
    """The bundled weights: nothing has to be pulled for them."""
    model = ObjectDetector()
    model.load("cpu")
    return model


def test_the_bundled_weights_find_what_photos_show(
    detector: ObjectDetector, picture: Picture
) -> None:
    names = ["chelsea-cat", "astronaut", "coffee"]
    cat, astronaut, coffee = detector.infer([{"image": picture(name)} for name in names])
    assert cat["labels"] == ["cat"]
    assert astronaut["labels"][0] == "person"
    assert coffee["labels"][0] == "cup"
    x0, y0, x1, y1 = cat["boxes"][0]  # the cat's face fills the photo of 451 x 300
    assert x1 - x0 > 350
    assert y1 - y0 > 250


def test_a_box_follows_its_object(detector: ObjectDetector, picture: Picture) -> None:
    coffee = picture("coffee")
    there = detector.infer([{"image": coffee}])[0]["boxes"][0]
    lower = np.zeros((480, 480, 3), np.uint8)
    lower[160:] = coffee
    moved = detector.infer([{"image": lower}])[0]["boxes"][0]
    np.testing.assert_allclose(moved, there + np.array([0, 160, 0, 160]), atol=10)


def test_odd_pictures_find_nothing_and_bad_ones_are_refused(detector: ObjectDetector) -> None:
    shapes = [(1, 1, 3), (1, 900, 3), (900, 1, 3)]
    found = detector.infer([{"image": np.zeros(shape, np.uint8)} for shape in shapes])
    assert [result["labels"] for result in found] == [[], [], []]
    assert all(result["boxes"].shape == (0, 4) for result in found)
    with pytest.raises(BadInput):
        detector.infer([{"image": np.zeros((9, 9, 4), np.uint8)}])
