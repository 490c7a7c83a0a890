"""Payload types by name, and what the package must not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sensorium
from sensorium.errors import DuplicateName, PayloadError, UnknownName
from sensorium.payloads import (
    Image,
    Payload,
    PayloadRegistry,
    payload,
)

REGISTRY = PayloadRegistry()


def test_two_types_cannot_have_one_name() -> None:
    @payload("image")
    class Other(Payload):
        x: int

    registry = PayloadRegistry()
    with pytest.raises(DuplicateName, match="already registered by 'sensorium'"):
        registry.register(Other, plugin="mine")
    registry.register(Image)  # the same type again is no clash
    assert registry.get("image") is Image


def test_a_miss_lists_what_there_is() -> None:
    with pytest.raises(UnknownName, match="There are: action, action_result, "):
        REGISTRY.get("nothing like it")


@pytest.mark.parametrize("value", [int, object(), Payload, "image"])
def test_what_is_no_payload_type_is_refused(value: Any) -> None:
    with pytest.raises(PayloadError, match="is not a payload"):
        PayloadRegistry().register(value)


@pytest.mark.parametrize("name", ["", "Image", "a b", "a..b", ".a", "a/b", "1a"])
def test_a_payload_name_is_lower_case_words(name: str) -> None:
    with pytest.raises(PayloadError, match="lower_case"):
        payload(name)


def test_nothing_ever_unpickles() -> None:
    words = ("pickle", "marshal", "shelve", "dill", "allow_pickle=True", "eval(", "exec(")
    for path in Path(sensorium.__file__).parent.rglob("*.py"):
        code = "\n".join(line for line in path.read_text().splitlines() if "unpickles" not in line)
        for said in ("without pickle", "No pickle", "Ray pickles"):  # what others do, and is told
            code = code.replace(said, "")
        for word in words:
            assert word not in code, f"{path} holds {word}"
