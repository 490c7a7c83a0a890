from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium_models.language.request import StopFilter, parse_request

HELLO = [{"role": "user", "content": "hello"}]


def test_only_messages_are_required() -> None:
    chat = parse_request({"messages": HELLO})
    assert chat.messages == ({"role": "user", "content": "hello"},)
    assert (chat.temperature, chat.seed, chat.stop) == (0.0, 0, ())
    assert not chat.continues


def test_a_last_message_of_the_assistant_is_the_beginning_of_the_answer() -> None:
    assert parse_request({"messages": [*HELLO, {"role": "assistant", "content": "I"}]}).continues


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "robot"),
        ({"messages": [{"role": "user", "content": None}]}, "content"),
        ({"messages": ["hello"]}, r"messages\[0\]"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"seed": 1.5}, "seed"),
        ({"stop": "end"}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"tokens": 3}, "tokens"),
    ],
)
def test_a_bad_request_names_the_key_at_fault(change: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        parse_request({"messages": HELLO, **change})


@given(st.lists(st.text("abSTOP", max_size=6), max_size=12))
def test_a_stop_string_cuts_the_text_wherever_the_pieces_break(pieces: list[str]) -> None:
    stop = StopFilter(["STOP", "bb"])
    out = "".join(stop.feed(piece) for piece in pieces) + stop.rest()
    text = "".join(pieces)
    cuts = [at for s in ("STOP", "bb") if (at := text.find(s)) >= 0]
    assert stop.hit == bool(cuts)
    if cuts:
        # Pieces decide only which of two overlapping stops is met first.
        assert text.startswith(out)
        assert len(out) >= min(cuts)
        assert not any(s in out for s in ("STOP", "bb"))
    else:
        assert out == text


def test_text_that_cannot_be_a_stop_string_is_not_held_back() -> None:
    stop = StopFilter(["\n\n"])
    assert stop.feed("hello\n") == "hello"
    assert stop.feed("you") == "\nyou"
