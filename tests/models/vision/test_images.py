from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import BadInput, MissingDependency
from sensorium_models.vision.images import (
    centre_square,
    image_of,
    letterbox,
    overlaps,
    suppress_duplicates,
)
from sensorium_models.vision.libraries import libraries_for

sizes = st.integers(1, 300)


def grey(height: int, width: int, level: int = 200) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 5, 1), np.uint8),
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((1, 4, 5, 3), np.uint8),
        np.zeros((4, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
    ],
    ids=["grey", "one channel", "rgba", "batch", "float", "empty"],
)
def test_other_arrays_are_refused_with_the_expected_shape(image: np.ndarray) -> None:
    with pytest.raises(BadInput, match=r"uint8 \(H, W, 3\).*got .*" + str(image.dtype)):
        image_of({"image": image})


@pytest.mark.parametrize("request_", [{}, {"image": None}, {"image": b"\xff\xd8"}])
def test_a_request_without_an_array_is_refused(request_: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="uint8 array 'image'"):
        image_of(request_)


@given(sizes, sizes, st.sampled_from([1, 32, 128]), st.data())
def test_letterboxed_points_come_back(
    height: int, width: int, size: int, data: st.DataObject
) -> None:
    points = [
        (data.draw(st.floats(0, width, width=32)), data.draw(st.floats(0, height, width=32)))
        for _ in range(3)
    ]
    _, place = letterbox(grey(height, width), size)
    inside = place.to_canvas(points)
    assert (inside >= -1e-3).all()
    assert (inside <= size + 1e-3).all()
    back = place.to_image(inside)
    np.testing.assert_allclose(back, points, atol=1e-3 * max(height, width))


@given(sizes, sizes)
def test_letterbox_fills_its_longer_side_and_nothing_else(height: int, width: int) -> None:
    canvas, place = letterbox(grey(height, width), 64, fill=7)
    inner = np.argwhere((canvas == 200).all(axis=2))
    (top, left), (bottom, right) = inner.min(axis=0), inner.max(axis=0) + 1
    assert (left, top) == (place.left, place.top)
    assert max(bottom - top, right - left) == 64
    assert abs((bottom - top) - 64 * height / max(height, width)) <= 1
    assert abs((right - left) - 64 * width / max(height, width)) <= 1
    assert (canvas == 7).all(axis=2).sum() == 64 * 64 - len(inner)


def test_a_mark_keeps_its_place_through_the_letterbox() -> None:
    image = grey(100, 300, 0)
    image[40:60, 200:240] = 255
    canvas, place = letterbox(image, 512)
    rows, columns = np.nonzero(canvas[..., 0] > 127)
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(place.to_image(box), [200, 40, 240, 60], atol=0.7)


def test_boxes_are_cut_off_at_the_edges_of_the_picture() -> None:
    _, place = letterbox(grey(100, 200), 50)
    boxes = place.boxes_to_image([[-10, -10, 60, 60], [0, 0, 0, 0]])
    np.testing.assert_allclose(boxes, [[0, 0, 200, 100], [0, 0, 0, 0]])


@given(sizes, sizes)
def test_centre_square_takes_the_middle(height: int, width: int) -> None:
    image = grey(height, width, 0)
    image[:, width // 2] = image[height // 2, :] = 255
    square = centre_square(image, 256, 224)
    assert square.shape == (224, 224, 3)
    assert square[112, 112].max() > 0 or min(height, width) > 224


@given(st.lists(st.tuples(*[st.integers(0, 12)] * 4), min_size=1, max_size=8))
def test_overlaps_count_pixels(corners: list[tuple[int, int, int, int]]) -> None:
    boxes = np.array([sorted(c[::2]) + sorted(c[1::2]) for c in corners])[:, [0, 2, 1, 3]]
    masks = np.zeros((len(boxes), 12, 12), bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    union = (masks[0] | masks).sum(axis=(1, 2))
    expected = (masks[0] & masks).sum(axis=(1, 2)) / np.maximum(union, 1)
    floats = boxes.astype(np.float32)
    np.testing.assert_allclose(overlaps(floats[0], floats), expected, atol=1e-6)


@given(
    st.lists(st.tuples(*[st.floats(0, 50, width=32)] * 4, st.floats(0, 1, width=32)), max_size=20),
    st.sampled_from([0.0, 0.3, 0.6, 1.0]),
)
def test_suppression_keeps_exactly_what_no_better_kept_box_covers(
    rows: list[tuple[float, ...]], limit: float
) -> None:
    array = np.array(rows, np.float32).reshape(-1, 5)
    boxes, scores = np.sort(array[:, :4].reshape(-1, 2, 2), axis=1).reshape(-1, 4), array[:, 4]
    kept = suppress_duplicates(boxes, scores, limit)
    assert list(scores[kept]) == sorted(scores[kept], reverse=True)
    for position, index in enumerate(kept):
        assert (overlaps(boxes[index], boxes[kept[:position]]) <= limit).all()
    for index in set(range(len(rows))) - set(kept):
        better = [k for k in kept if scores[k] >= scores[index]]
        assert (overlaps(boxes[index], boxes[better]) > limit).any()


def test_a_missing_library_is_named_with_its_remedy() -> None:
    with (
        pytest.raises(MissingDependency, match=r"seeing needs no_such_eye.*sensorium\[vision\]"),
        libraries_for("seeing"),
    ):
        import no_such_eye  # noqa: F401
