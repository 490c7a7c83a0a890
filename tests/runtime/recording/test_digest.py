"""Digests: the same for what is the same, another for what is not, on every machine."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import event, picture, sound

from sensorium.errors import PayloadError
from sensorium.payloads import Action, Detections, Text
from sensorium.recording.digest import Digest, event_digest, tree_digest

KNOWN = "b9c9368582f4c5b57753ad09cb3148142f959366331e0343b4161bd40128bb47"

trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def a_tree(order: str) -> dict[str, object]:
    array = np.arange(4, dtype=f"{order}f4").reshape(2, 2)
    return {"b": [1, 2.0, None, True, b"x"], "a": array}


def test_is_what_it_always_was() -> None:
    """A digest that changes would make every recording diverge."""
    assert tree_digest(a_tree("<")) == KNOWN


def test_byte_order_memory_order_and_key_order_do_not_count() -> None:
    tree = a_tree(">")
    shuffled = {"a": np.asfortranarray(tree["a"]), "b": (1.0, 2, None, True, b"x")}
    assert tree_digest(tree) == tree_digest(shuffled) == KNOWN


def test_another_process_with_another_hash_seed_agrees() -> None:
    code = (
        "from sensorium.recording.digest import tree_digest;"
        "print(tree_digest({'z': {'b', 'a'}, 'y': [1.5, None], 'x': {'q': 1, 'p': 2}}))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(found) == 1


@given(trees, trees)
def test_only_equal_trees_share_a_digest(one: object, other: object) -> None:
    same = repr(_canonical(one)) == repr(_canonical(other))
    assert (tree_digest(one) == tree_digest(other)) is same


def _canonical(tree: object) -> object:
    if isinstance(tree, float) and tree.is_integer() and str(tree) != "-0.0":
        return int(tree)
    if isinstance(tree, list):
        return [_canonical(item) for item in tree]
    if isinstance(tree, dict):
        return {key: _canonical(tree[key]) for key in sorted(tree)}
    return tree


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, 1), (0.0, -0.0), ("1", 1), (b"a", "a"), ([], {}), ([[1], []], [[], [1]]),
        (np.zeros(2, np.float32), np.zeros(2, np.float64)),
        (np.zeros((2, 1), np.uint8), np.zeros((1, 2), np.uint8)),
        (["ab", "c"], ["a", "bc"]),
    ],
)  # fmt: skip
def test_what_differs_has_another_digest(one: object, other: object) -> None:
    assert tree_digest(one) != tree_digest(other)


def test_numbers_of_numpy_are_numbers() -> None:
    assert tree_digest([np.float64(1.5), np.int8(3)]) == tree_digest([1.5, 3])


def test_what_is_no_tree_is_refused() -> None:
    with pytest.raises(PayloadError, match="not part of a plain tree"):
        tree_digest([object()])
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(PayloadError, match="too deeply nested"):
        tree_digest(deep)


def test_every_part_of_an_event_counts() -> None:
    plain = event(Text("hello"), 3)
    others = [
        event(Text("hello!"), 3),
        event(Text("hello"), 4),
        event(Text("hello"), 3, "another/topic"),
        event(Text("hello"), 3, source="another"),
        event(Text("hello"), 3, parents=("a#1",)),
        event(Text("hello"), 3, root="a#1"),
        event(Action("hello", "", {}), 3, "text"),
    ]
    assert len({event_digest(one) for one in [plain, *others]}) == 8
    assert event_digest(event(Text("hello"), 3)) == event_digest(plain)


def test_arrays_of_payloads_count() -> None:
    assert event_digest(event(picture(1))) == event_digest(event(picture(1)))
    assert event_digest(event(picture(1))) != event_digest(event(picture(2)))
    boxes = np.zeros((1, 4), np.float32)
    one = event(Detections(("a",), (1.0,), boxes))
    other = event(Detections(("a",), (np.float32(1.0),), boxes))  # type: ignore[arg-type]
    assert event_digest(one) == event_digest(other)


def test_a_running_digest_is_of_the_order_too() -> None:
    events = [event(sound(number), number) for number in range(3)]
    forward, again, backward = Digest(), Digest(), Digest()
    for one in events:
        assert forward.add(one) == event_digest(one)
        again.add(one)
    for one in reversed(events):
        backward.add(one)
    assert forward.hexdigest() == again.hexdigest() != backward.hexdigest()
    assert forward.events == 3
