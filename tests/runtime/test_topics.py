"""Topics, patterns, and what matches what."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import TopicError
from sensorium.topics import MAX_LENGTH, check_pattern, check_topic, matches, overlap

words = st.sampled_from(["a", "b", "", "$a", "a$", "camera"])
topics = st.lists(words, min_size=1, max_size=4).map("/".join).filter(bool)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    levels = draw(st.lists(words | st.just("+"), min_size=0, max_size=4))
    if draw(st.booleans()) or not levels:
        levels.append("#")
    return "/".join(levels) or "#"


def by_regex(pattern: str, topic: str) -> bool:
    """MQTT 5.0, section 4.7, said a second time."""
    if topic[0] == "$" and pattern[0] in "+#":
        return False
    text = re.escape(pattern).replace(r"\+", "[^/]*").replace(r"\#", "#")
    if text == "#":
        text = ".*"
    elif text.endswith("/#"):
        text = text[:-2] + "(/.*)?"
    return re.fullmatch(text, topic) is not None


@given(patterns(), topics)
def test_matching_agrees_with_a_regex(pattern: str, topic: str) -> None:
    assert matches(pattern, topic) == by_regex(pattern, topic)


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("#", "a/b/c", True),
        ("#", "$SYS/load", False),
        ("+/load", "$SYS/load", False),
        ("$SYS/#", "$SYS/load", True),
        ("$SYS/+", "$SYS/load", True),
        ("a/#", "a", True),  # '#' includes the parent
        ("a/#", "a/", True),
        ("a/#", "ab", False),
        ("a/+", "a", False),
        ("a/+", "a/b", True),
        ("a/+", "a/", True),  # an empty level is a level
        ("a/+", "a/b/c", False),
        ("+", "a", True),
        ("+", "/a", False),
        ("+/+", "/a", True),
        ("a/+/c", "a/b/c", True),
        ("a/+/#", "a", False),
        ("a/+/#", "a/b", True),
        ("a/b", "a/B", False),
        ("a/$x", "a/$x", True),
        ("+/$x", "a/$x", True),
    ],
)
def test_mqtt_wildcards(pattern: str, topic: str, expected: bool) -> None:
    assert matches(pattern, topic) is expected


SMALL = ["a", "b", "$a"]
SMALL_TOPICS = [
    "/".join(levels) for depth in (1, 2, 3, 4) for levels in product([*SMALL, "x"], repeat=depth)
]


@given(
    *[
        st.tuples(
            st.lists(st.sampled_from([*SMALL, "+"]), min_size=0, max_size=3), st.booleans()
        ).map(lambda drawn: "/".join([*drawn[0], *(["#"] if drawn[1] or not drawn[0] else [])]))
    ]
    * 2
)
def test_overlap_agrees_with_trying_every_topic(first: str, second: str) -> None:
    found = any(matches(first, topic) and matches(second, topic) for topic in SMALL_TOPICS)
    assert overlap(first, second) is found
    assert overlap(second, first) is found


@pytest.mark.parametrize(
    "topic", ["", "a/+", "#", "a+b", "a\0b", "x" * (MAX_LENGTH + 1), "half\ud800", "a/\udfff"]
)
def test_a_topic_that_cannot_be_published_is_refused(topic: str) -> None:
    with pytest.raises(TopicError) as raised:
        check_topic(topic)
    assert "bad topic" in str(raised.value)


@pytest.mark.parametrize(
    "pattern", ["", "a/#/b", "a#", "#/a", "a/b+", "+a/b", "++", "a\0", "##", "+/\ud8ff"]
)
def test_a_malformed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(TopicError, match="bad topic"):
        check_pattern(pattern)


@given(patterns())
def test_a_well_formed_pattern_is_returned_unchanged(pattern: str) -> None:
    assert check_pattern(pattern) == pattern


@given(st.text(max_size=30))
def test_any_text_is_a_topic_or_a_topic_error(text: str) -> None:
    for check in (check_topic, check_pattern):
        try:
            assert check(text) == text
        except TopicError:
            continue
        text.encode()
