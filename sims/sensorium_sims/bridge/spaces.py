"""Observations into events, and the words of a plan into actions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sensorium.errors import BadObservation, OutsideActionSpace, PayloadError
from sensorium.payloads.acting import Observation, State
from sensorium.payloads.media import Audio, Image, Text
from sensorium_sims.bridge.payloads import NumberSpace

Part = Literal["camera", "audio", "text", "array", "number"]
SMALLEST_PICTURE = 16
"""Pixels: smaller things of three channels are no pictures but grids of symbols."""
_HEARD = ("audio", "sound")


@dataclass(slots=True)
class Parts:
    """What one observation is made of, as payloads."""

    camera: Image | None = None
    ears: list[Audio] = field(default_factory=list)
    """One, or left and right."""
    text: list[Text] = field(default_factory=list)
    arrays: dict[str, Observation] = field(default_factory=dict)
    numbers: State | None = None


class Splitter:
    """Checks observations against their space and splits them into payloads."""

    def __init__(self, environment: str, space: spaces.Space[Any], step_s: float) -> None:
        self._environment = environment
        self._step_s = step_s
        self._nested = isinstance(space, spaces.Dict)
        self._parts = {key: (kind, sub) for key, sub, kind in _parts(space)}

    @property
    def kinds(self) -> dict[str, Part]:
        """What each part of the observation becomes."""
        return {key: kind for key, (kind, _) in self._parts.items()}

    def split(self, observation: Any) -> Parts:
        """Raises :class:`BadObservation` naming the part that is not as it is declared."""
        if self._nested and not isinstance(observation, dict):
            self._refuse("", f"is a {type(observation).__name__}, not a dict")
        parts = Parts()
        numbers: dict[str, float | int | str | bool] = {}
        for key, (kind, space) in self._parts.items():
            value = _reach(observation, key) if self._nested else observation
            if value is None:
                self._refuse(key, "is missing")
            if kind == "text":
                if not isinstance(value, str):
                    self._refuse(key, f"is a {type(value).__name__}, not text")
                parts.text.append(Text(value))
            elif kind == "number":
                if not space.contains(value):
                    self._refuse(key, f"is {value!r}, not in {space}")
                numbers[key] = int(value)
            else:
                self._array(parts, key, kind, space, value)
        if numbers:
            parts.numbers = State(numbers)
        return parts

    def _array(self, parts: Parts, key: str, kind: Part, space: Any, value: Any) -> None:
        array = np.asarray(value)
        if array.shape != space.shape:
            self._refuse(key, f"has shape {array.shape}, not {space.shape}")
        if array.dtype != space.dtype:
            self._refuse(key, f"is {array.dtype}, not {space.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            self._refuse(key, "holds a value that is not a number, or infinite")
        try:
            if kind == "camera":
                parts.camera = Image(_picture(array))
            elif kind == "audio":
                parts.ears = [Audio(ear, self._rate(ear)) for ear in _ears(array)]
            else:
                parts.arrays[key] = Observation(array.astype(np.float32).ravel())
        except PayloadError as error:
            self._refuse(key, str(error))

    def _rate(self, ear: NDArray[np.float32]) -> int:
        """Sound is as long as a step: that gives its rate."""
        return max(1, round(len(ear) / self._step_s))

    def _refuse(self, key: str, why: str) -> None:
        part = f"part {key!r} of the observation" if key else "the observation"
        raise BadObservation(self._environment, f"{part} {why}")


def _parts(space: spaces.Space[Any], path: str = "") -> Iterator[tuple[str, Any, Part]]:
    if isinstance(space, spaces.Dict):
        for key, sub in space.spaces.items():
            yield from _parts(sub, f"{path}/{key}" if path else str(key))
        return
    yield path or "observation", space, _kind(path, space)


def _kind(key: str, space: Any) -> Part:
    if isinstance(space, spaces.Discrete):
        return "number"
    shape, dtype = space.shape, space.dtype
    if not isinstance(space, (spaces.Box, spaces.MultiBinary, spaces.MultiDiscrete)):
        return "text"  # spaces.Text, and MiniGrid's own space of missions
    flat = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))
    if flat and dtype == np.uint8 and min(shape[:2]) >= SMALLEST_PICTURE:
        return "camera"
    if any(word in key.lower() for word in _HEARD) and len(shape) <= 2 and min(shape) > 0:
        return "audio"
    return "array"


def _reach(observation: Any, key: str) -> Any:
    for name in key.split("/"):
        observation = observation.get(name) if isinstance(observation, dict) else None
    return observation


def _picture(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.ndim == 2:
        array = array[:, :, None]
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array


def _ears(array: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Channels first or last, integers or floats."""
    scale = float(np.iinfo(array.dtype).max) + 1 if array.dtype.kind == "i" else 1.0
    heard = array if array.ndim == 2 else array[None]
    if heard.shape[1] <= 2 < heard.shape[0]:
        heard = heard.T
    return [np.ascontiguousarray(ear, np.float32) / np.float32(scale) for ear in heard[:2]]


class Vocabulary:
    """The words of a plan for one environment.

    Discrete actions have names (the environment's own where it has any, else their numbers);
    others are JSON lists of numbers: ``[0.5, -1.0]``.
    """

    def __init__(self, environment: str, space: spaces.Space[Any], unwrapped: Any) -> None:
        self._environment = environment
        self._space = space
        self.words: tuple[str, ...] = ()
        self.numbers = _numbers(space)
        self._first = 0
        if isinstance(space, spaces.Discrete):
            self.words = _names(unwrapped, int(space.n), int(space.start))
            self._first = int(space.start)
        self._by_word = {word: self._first + n for n, word in enumerate(self.words)}

    def decode(self, step: str) -> Any:
        """The action of one step of a plan. Raises :class:`OutsideActionSpace`."""
        if self.words:
            number = self._by_word.get(step)
            if number is None:
                listed = ", ".join(self.words)
                raise OutsideActionSpace(
                    self._environment, f"{step!r} is no action; there are: {listed}"
                )
            return number
        try:
            action = np.asarray(json.loads(step), self._space.dtype)
        except (ValueError, TypeError, OverflowError):
            action = None
        if action is None or not self._space.contains(action):
            raise OutsideActionSpace(
                self._environment, f"{step!r} is not a JSON list in {self._space}"
            )
        return action

    def encode(self, action: Any) -> str:
        """The word of an action."""
        if self.words:
            return self.words[int(action) - self._first]
        return json.dumps(np.asarray(action).tolist())


def _numbers(space: spaces.Space[Any]) -> NumberSpace | None:
    """What a space of arrays is; None for others."""
    low: Any
    high: Any
    match space:
        case spaces.Box():
            low, high = space.low, space.high
        case spaces.MultiBinary():
            low, high = np.zeros(space.shape), np.ones(space.shape)
        case spaces.MultiDiscrete():
            low, high = space.start, space.start + space.nvec - 1
        case _:
            return None
    return NumberSpace(tuple(map(int, low.shape)), str(space.dtype), _bounds(low), _bounds(high))


def _bounds(limit: NDArray[Any]) -> tuple[float | None, ...]:
    return tuple(x if np.isfinite(x) else None for x in np.ravel(limit).tolist())


def box(numbers: NumberSpace) -> spaces.Box:
    """The box that ``numbers`` describes."""

    def limits(given: tuple[float | None, ...], none: float) -> NDArray[Any]:
        values = [none if x is None else x for x in given]
        return np.array(values, numbers.dtype).reshape(numbers.shape)

    return spaces.Box(
        limits(numbers.low, -np.inf),
        limits(numbers.high, np.inf),
        dtype=np.dtype(numbers.dtype).type,
    )


def _names(unwrapped: Any, count: int, start: int) -> tuple[str, ...]:
    given: Any = getattr(unwrapped, "action_names", None)
    if given is None and hasattr(unwrapped, "get_action_meanings"):
        given = unwrapped.get_action_meanings()
    if given is None:
        actions = getattr(unwrapped, "actions", None)  # MiniGrid has an enumeration
        if isinstance(actions, type) and issubclass(actions, Enum):
            given = [member.name for member in actions]
    names = tuple(str(name).lower() for name in given or ())
    if len(names) == count and len(set(names)) == count:
        return names
    return tuple(str(start + number) for number in range(count))
