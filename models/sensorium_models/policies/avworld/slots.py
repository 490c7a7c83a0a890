"""What an instruction asks for, as four blanks: a sound, a look (colour, type), a key's colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.avworld.vocabulary import COLOURS, SOUNDS, TYPES

F32 = NDArray[np.float32]
COLOUR_WORDS = tuple(COLOURS)
BLANKS: dict[str, tuple[str, ...]] = {
    "sound": SOUNDS,
    "colour": COLOUR_WORDS,
    "type": TYPES,
    "key": COLOUR_WORDS,
}
"""Each blank and the words that can fill it; one more value stands for "not said"."""
SIZES = {name: len(words) + 1 for name, words in BLANKS.items()}
ALL = sum(SIZES.values())


@dataclass(frozen=True, slots=True)
class Slots:
    """How likely each word fills each blank; the last entry of each: nothing was said of it."""

    sound: F32
    """(9,)"""
    colour: F32
    """(7,)"""
    type: F32
    """(6,)"""
    key: F32
    """(7,): the colour of the key to bring."""

    @property
    def fetches(self) -> float:
        """How likely a key is to be brought."""
        return float(1 - self.key[-1])

    def flat(self) -> F32:
        """(29,) all of them in a row."""
        return np.concatenate([self.sound, self.colour, self.type, self.key])

    @classmethod
    def of(cls, flat: F32) -> Slots:
        """From :meth:`flat`."""
        ends = np.cumsum(list(SIZES.values()))[:-1]
        return cls(*np.split(np.asarray(flat, np.float32), ends))


def truth_of(mission: str) -> dict[str, int]:
    """The right filling of each blank, as numbers, of an instruction of the world."""
    found = {name: len(words) for name, words in BLANKS.items()}
    words = mission.split()
    if "key" in words and words[0] == "bring":
        found["key"] = COLOUR_WORDS.index(words[words.index("key") - 1])
        words = words[words.index("key") + 1 :]
    for word in words:
        for name in ("sound", "colour", "type"):
            if word in BLANKS[name]:
                found[name] = BLANKS[name].index(word)
    return found
