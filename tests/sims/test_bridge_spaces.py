from __future__ import annotations

import enum
import json
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from sensorium.errors import BadObservation, OutsideActionSpace
from sensorium_sims.bridge.payloads import NumberSpace
from sensorium_sims.bridge.planners import Guesser
from sensorium_sims.bridge.spaces import Splitter, Vocabulary

WORLD = spaces.Dict(
    {
        "screen": spaces.Box(0, 255, (20, 30, 3), np.uint8),
        "audio": spaces.Box(-32768, 32767, (500, 2), np.int16),
        "mission": spaces.Text(50),
        "grid": spaces.Box(0, 255, (7, 7, 3), np.uint8),
        "body": spaces.Dict({"arm": spaces.Box(-np.inf, np.inf, (2,), np.float64)}),
        "direction": spaces.Discrete(4),
    }
)


def sample(**changes: Any) -> dict[str, Any]:
    sound = np.zeros((500, 2), np.int16)
    sound[:, 1] = 16384
    return {
        "screen": np.full((20, 30, 3), 7, np.uint8),
        "audio": sound,
        "mission": "go",
        "grid": np.arange(147, dtype=np.uint8).reshape(7, 7, 3),
        "body": {"arm": np.array([1.5, -2.0])},
        "direction": 3,
        **changes,
    }


def test_each_part_becomes_what_it_is() -> None:
    splitter = Splitter("w", WORLD, 0.05)
    assert splitter.kinds == {
        "screen": "camera",
        "audio": "audio",
        "mission": "text",
        "grid": "array",
        "body/arm": "array",
        "direction": "number",
    }
    parts = splitter.split(sample())
    assert parts.camera is not None
    assert parts.camera.data.shape == (20, 30, 3)
    left, right = parts.ears
    assert (left.sample_rate, len(left.samples)) == (10_000, 500)
    assert left.samples.max() == 0
    assert right.samples[0] == 0.5
    assert [text.text for text in parts.text] == ["go"]
    assert parts.arrays["grid"].values.tolist() == list(range(147))
    assert parts.arrays["body/arm"].values.tolist() == [1.5, -2.0]
    assert parts.numbers is not None
    assert parts.numbers.values == {"direction": 3}


def test_grey_pictures_and_bare_arrays() -> None:
    grey = Splitter("w", spaces.Box(0, 255, (16, 16, 1), np.uint8), 0.1)
    parts = grey.split(np.full((16, 16, 1), 9, np.uint8))
    assert parts.camera is not None
    assert parts.camera.data.shape == (16, 16, 3)
    bare = Splitter("w", spaces.Box(-1, 1, (4,), np.float32), 0.1)
    assert list(bare.split(np.zeros(4, np.float32)).arrays) == ["observation"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"screen": np.zeros((20, 31, 3), np.uint8)}, ["'screen'", "shape", "(20, 31, 3)"]),
        ({"screen": np.zeros((20, 30, 3))}, ["'screen'", "float64", "uint8"]),
        ({"body": {"arm": np.array([1.0, np.nan])}}, ["'body/arm'", "not a number"]),
        ({"body": {"arm": np.array([1.0, np.inf])}}, ["'body/arm'", "infinite"]),
        ({"body": {}}, ["'body/arm'", "missing"]),
        ({"mission": 5}, ["'mission'", "int", "not text"]),
        ({"direction": 4}, ["'direction'", "4"]),
        ({"audio": None}, ["'audio'", "missing"]),
    ],
)
def test_what_is_not_as_declared_is_named(changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(BadObservation) as raised:
        Splitter("lab/Maze-v0", WORLD, 0.1).split(sample(**changes))
    assert raised.value.environment == "lab/Maze-v0"
    for word in ("lab/Maze-v0", *words):
        assert word in str(raised.value)


def test_an_observation_of_another_kind_is_refused() -> None:
    with pytest.raises(BadObservation, match="is a ndarray, not a dict"):
        Splitter("w", WORLD, 0.1).split(np.zeros(3))


class Compass(enum.IntEnum):
    north = 0
    south = 1


@pytest.mark.parametrize(
    ("unwrapped", "words"),
    [
        (SimpleNamespace(action_names=("Go", "Stay")), ("go", "stay")),
        (SimpleNamespace(actions=Compass), ("north", "south")),
        (SimpleNamespace(get_action_meanings=lambda: ["NOOP", "FIRE"]), ("noop", "fire")),
        (SimpleNamespace(action_names=("one", "two", "three")), ("0", "1")),
        (SimpleNamespace(), ("0", "1")),
    ],
)
def test_discrete_actions_have_their_environment_s_words(unwrapped: Any, words: Any) -> None:
    vocabulary = Vocabulary("w", spaces.Discrete(2), unwrapped)
    assert vocabulary.words == words
    assert [vocabulary.decode(word) for word in words] == [0, 1]
    assert vocabulary.encode(1) == words[1]
    with pytest.raises(OutsideActionSpace, match=f"'fly' is no action; there are: {words[0]}"):
        vocabulary.decode("fly")


def test_discrete_spaces_may_start_anywhere() -> None:
    vocabulary = Vocabulary("w", spaces.Discrete(2, start=5), SimpleNamespace())
    assert vocabulary.words == ("5", "6")
    assert vocabulary.decode("6") == 6


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1, 1, (2, 3), np.float32),
        spaces.Box(np.float32([-np.inf, 0, -2]), np.float32([np.inf, np.inf, -1])),
        spaces.Box(3, 5, (4,), np.int64),
        spaces.MultiBinary(5),
        spaces.MultiDiscrete([3, 7], start=[1, -2]),
    ],
)
def test_numbers_are_guessed_within_their_limits(space: Any) -> None:
    vocabulary = Vocabulary("w", space, SimpleNamespace())
    told = json.loads(json.dumps(asdict(vocabulary.numbers)))  # as it goes over a wire
    there = NumberSpace(**{key: tuple(v) if isinstance(v, list) else v for key, v in told.items()})
    first, again, other = (Guesser((), there, seed) for seed in (1, 1, 2))
    guesses = [first.guess() for _ in range(200)]
    actions = np.array([vocabulary.decode(guess) for guess in guesses])  # raises outside it
    assert actions.std(0).min() > 0
    assert [again.guess() for _ in range(200)] == guesses
    assert [other.guess() for _ in range(200)] != guesses


def test_what_is_neither_words_nor_numbers_is_not_guessed() -> None:
    vocabulary = Vocabulary("w", spaces.Text(4), SimpleNamespace())
    assert vocabulary.numbers is None
    assert Guesser(vocabulary.words, None, 1).guess() == "?"


def test_other_actions_are_lists_of_numbers() -> None:
    vocabulary = Vocabulary("w", spaces.Box(-1, 1, (2,), np.float32), SimpleNamespace())
    assert vocabulary.words == ()
    action = vocabulary.decode("[0.5, -1]")
    assert action.tolist() == [0.5, -1.0]
    assert vocabulary.encode(action) == "[0.5, -1.0]"
    for bad in ("[0.5]", "[2, 0]", "left", "[null, 0]", "{}", ""):
        with pytest.raises(OutsideActionSpace, match="not a JSON list"):
            vocabulary.decode(bad)
