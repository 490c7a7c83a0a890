from __future__ import annotations

import numpy as np
import pytest

from sensorium import Text
from sensorium.errors import BadInput
from sensorium.fusion import linear
from sensorium.payloads import Classes, Detections, Observation, State, Transcript


def test_arrays_are_interpolated_and_keep_their_type() -> None:
    a, b = (Observation(np.array(values, np.float32)) for values in ([0, 10], [4, 30]))
    between = linear(a, b, 0.25)
    assert between.values.tolist() == [1, 15]
    assert between.values.dtype == np.float32
    assert not between.values.flags.writeable


def test_numbers_in_dicts_are_interpolated_and_words_taken_from_the_nearer() -> None:
    a = State({"x": 0.0, "count": 1, "mode": "off", "on": False, "only_a": 1})
    b = State({"x": 1.0, "count": 4, "mode": "on", "on": True, "only_b": 2})
    assert linear(a, b, 0.4).values == {
        "x": 0.4, "count": 2, "mode": "off", "on": False, "only_a": 1
    }  # fmt: skip
    assert linear(a, b, 0.6).values == {"x": 0.6, "count": 3, "mode": "on", "on": True, "only_b": 2}


def test_tuples_and_plain_fields_are_interpolated() -> None:
    between = linear(Classes(("a",), (0.5,)), Classes(("b",), (1.0,)), 0.5)
    assert (between.labels, between.scores) == (("b",), (0.75,))
    assert linear(Transcript("a", 0.0, 10), Transcript("b", 1.0, 20), 0.25).end_time == 12


def test_boxes_of_different_numbers_of_things_are_the_nearer_ones() -> None:
    one = Detections(("a",), (1.0,), np.zeros((1, 4), np.float32))
    two = Detections(("a", "b"), (1.0, 0.5), np.ones((2, 4), np.float32))
    with pytest.raises(BadInput, match="no numbers"):
        linear(one, two, 0.9)


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [
        (Text("a"), Text("b"), "a text holds no numbers to interpolate"),
        (Text("a"), Classes((), ()), "between a text and a classes"),
    ],
)
def test_what_cannot_be_interpolated_is_named(a: Text, b: Text, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        linear(a, b, 0.5)
