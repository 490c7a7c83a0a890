"""Spoken captions and commands. Whoever calls lends the voices: the world has none of its own.

A speaker is any callable from a text to :class:`Speech`. One that knows when it said which phone
gives them along; for one that does not, :func:`timed` spreads the phones over the voiced part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.world.pronunciation import length_of, phones_of
from sensorium_sims.world.sampling import Rng

F32 = NDArray[np.float32]
SILENCE = "SIL"


class Phone(NamedTuple):
    """A phone (ARPAbet or IPA) from second ``start`` to ``stop``."""

    symbol: str
    start: float
    stop: float


@dataclass(frozen=True, slots=True)
class Speech:
    """Mono ``samples`` (N,) float32 in [-1, 1], and the phones in them, if the speaker knows."""

    samples: F32
    sample_rate: int
    phones: tuple[Phone, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.sample_rate


Speaker = Callable[[str], Speech]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text as one voice said it."""

    text: str
    voice: str
    speech: Speech


def speak(texts: Iterable[str], voices: Mapping[str, Speaker], rng: Rng) -> Iterator[Spoken]:
    """Say each text in a voice drawn at random, so that no voice goes with a kind of text."""
    names = sorted(voices)
    if not names:
        raise BadInput("speaking needs at least one voice, and two to tell words from a voice")
    for text in texts:
        name = names[int(rng.integers(len(names)))]
        yield Spoken(text, name, voices[name](text))


def transposed(speaker: Speaker, factor: float) -> Speaker:
    """Another voice out of one: pitch and formants times ``factor``, as of a smaller (> 1) or
    larger (< 1) person, who speaks as much faster or slower."""
    if not 0.7 <= factor <= 1.4:
        raise BadInput(f"factor is {factor}: beyond 0.7 to 1.4 it is no voice any more")

    def say(text: str) -> Speech:
        speech = speaker(text)
        there = np.arange(0, len(speech.samples) - 1, factor)
        samples = np.interp(there, np.arange(len(speech.samples)), speech.samples)
        phones = tuple(Phone(p.symbol, p.start / factor, p.stop / factor) for p in speech.phones)
        return Speech(samples.astype(np.float32), speech.sample_rate, phones)

    return say


def timed(text: str, speech: Speech) -> Speech:
    """The speech with phones: its own, or those of the words spread over the voiced part.

    The estimate gives each phone the length its class usually has and no pause between words: good
    enough to move lips by, not to measure.
    """
    if speech.phones:
        return speech
    symbols = [symbol for word in text.split() for symbol in phones_of(word)]
    if not symbols:
        raise BadInput(f"there is no word to say in {text!r}")
    first, last = _voiced(speech)
    shares = np.array([length_of(symbol) for symbol in symbols])
    marks = first + (last - first) * np.concatenate([[0], np.cumsum(shares) / shares.sum()])
    spread = tuple(
        Phone(symbol, float(start), float(stop))
        for symbol, start, stop in zip(symbols, marks[:-1], marks[1:], strict=True)
    )
    return replace(speech, phones=spread)


def _voiced(speech: Speech) -> tuple[float, float]:
    """Seconds of the first and last 10 ms that are within 35 dB of the loudest."""
    window = max(1, speech.sample_rate // 100)
    count = len(speech.samples) // window
    if not count:
        raise BadInput("the speech is shorter than 10 ms")
    power = np.square(speech.samples[: count * window].reshape(count, window)).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10**-3.5)
    if not len(loud):
        raise BadInput("the speech is silent")
    return float(loud[0] * 0.01), float((loud[-1] + 1) * 0.01)
