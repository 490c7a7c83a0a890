"""Plain trees survive JSON to the last bit."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sensorium.errors import PayloadError
from sensorium.payloads.arrays import DTYPES
from sensorium.recording.digest import tree_digest
from sensorium.recording.trees import from_json, to_json

arrays = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
)
keys = st.text() | st.just("$") | st.integers() | st.none() | st.binary()
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary()
    | arrays,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(trees)
def test_a_tree_comes_back(tree: Any) -> None:
    text = json.dumps(to_json(tree), allow_nan=False)
    assert tree_digest(from_json(json.loads(text))) == tree_digest(tree)


def test_what_json_lacks() -> None:
    tree = {"a": math.nan, "b": -math.inf, "c": b"\x00", "d": "\ud800", 5: ("x", {1}), "e": 2**80}
    back = from_json(json.loads(json.dumps(to_json(tree), allow_nan=False)))
    assert math.isnan(back.pop("a"))
    assert back == {"b": -math.inf, "c": b"\x00", "d": "\ud800", 5: ["x", [1]], "e": 2**80}


def test_an_array_that_comes_back_is_of_the_same_type_and_read_only() -> None:
    back = from_json(to_json(np.ones((2, 3), ">i2")))
    assert back.dtype == np.int16
    assert back.shape == (2, 3)
    assert not back.flags.writeable


@pytest.mark.parametrize(
    "broken",
    [
        {"$": "array"},
        {"$": "array", "dtype": "object", "shape": [1], "data": "AA=="},
        {"$": "array", "dtype": "uint8", "shape": [2], "data": "AA=="},
        {"$": "array", "dtype": "uint8", "shape": 1, "data": "AA=="},
        {"$": "array", "dtype": "uint8", "shape": [-1], "data": ""},
        {"$": "bytes", "data": "!"},
        {"$": "bytes", "data": 5},
        {"$": "float", "value": "five"},
        {"$": "dict", "items": [[1]]},
        {"$": "dict", "items": [[{}, 1]]},
        {"$": "something else"},
        {"$": None},
    ],
)
def test_what_is_malformed_is_refused(broken: Any) -> None:
    with pytest.raises(PayloadError):
        from_json({"deep": [broken]})


def test_what_is_no_tree_is_refused() -> None:
    for tree in (object(), {"a": [object()]}, np.array([object()]), 1 + 2j):
        with pytest.raises(PayloadError):
            to_json(tree)
