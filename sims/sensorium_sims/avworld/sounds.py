"""The sounds of things, made from a recipe: loops of two seconds at 16 kHz.

Each word has several variants. Those of ``heard`` and ``unheard`` have parameters from separate
ranges, so that an agent can be tested on sounds that it never met.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

SAMPLE_RATE = 16_000
LOOP_S = 2
LOOP = SAMPLE_RATE * LOOP_S
STEP_S = 0.2
CHUNK = round(STEP_S * SAMPLE_RATE)
"""Samples of one step: 3200."""
LEAD = 16
"""Samples kept in front of a chunk, for the ear that hears later."""
RMS = 0.08
"""Loudness of each loop at one metre."""
MUFFLED_HZ = 700.0
"""Above this, what comes through doors, from behind or around the head is weaker."""
HEARD = 4
UNHEARD = 2
"""Variants of each word in the two sets."""

_T = np.arange(LOOP) / SAMPLE_RATE


@lru_cache(maxsize=128)
def loop(word: str, variant: int) -> F32:
    """One loop of a sound, (LOOP,) float32.

    Variants from 0 to ``HEARD - 1`` are the heard ones, the ``UNHEARD`` after them the others.
    """
    rng = np.random.default_rng([sum(word.encode()) * 131 + len(word), variant])
    # A place in the range of each parameter: heard ones around, unheard ones in the middle.
    places = (0.0, 0.3, 0.7, 1.0, 0.45, 0.55)
    wave = _RECIPES[word](places[variant], rng)
    wave = wave - wave.mean()
    wave *= RMS / np.sqrt(np.mean(wave**2))
    return np.asarray(np.clip(wave, -1, 1), np.float32)


@lru_cache(maxsize=128)
def tape(word: str, variant: int) -> F32:
    """A sound's loop as :func:`unrolled`."""
    return unrolled(loop(word, variant))


def unrolled(plain: F32) -> F32:
    """(4, LEAD + LOOP + CHUNK) float32 of a loop (LOOP,): unrolled beyond its ends so that every
    chunk is in one piece, the same one sample later, and both of these muffled."""
    plain = np.asarray(plain, np.float32)
    both = np.stack([plain, _muffle(plain.astype(np.float64)).astype(np.float32)])
    longer = np.concatenate([both[:, -LEAD - 1 :], both, both[:, :CHUNK]], axis=1)
    rows = np.stack([longer[0, 1:], longer[0, :-1], longer[1, 1:], longer[1, :-1]])
    rows.setflags(write=False)
    return rows


def pick(word: str, split: str, rng: np.random.Generator) -> F32:
    """The tape of a random variant of a word, out of ``heard`` or ``unheard``."""
    variant = rng.integers(HEARD) if split == "heard" else HEARD + rng.integers(UNHEARD)
    return tape(word, int(variant))


def _muffle(wave: F64) -> F64:
    """A low-pass of second order, around the loop's end."""
    spectrum = np.fft.rfft(wave)
    ratio = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE) / MUFFLED_HZ
    return np.fft.irfft(spectrum / (1 + ratio**2), len(wave))


def _whole(hertz: float) -> float:
    """The nearest frequency of which a loop holds whole periods."""
    return round(hertz * LOOP_S) / LOOP_S


def _between(low: float, high: float, place: float) -> float:
    return float(low * (high / low) ** place)


def _band(rng: np.random.Generator, low: float, high: float) -> F64:
    """Noise between two frequencies, seamless."""
    spectrum = np.fft.rfft(rng.standard_normal(LOOP))
    f = np.fft.rfftfreq(LOOP, 1 / SAMPLE_RATE)
    spectrum[(f < low) | (f > high)] = 0
    return np.fft.irfft(spectrum, LOOP)


def _struck(count: int, rng: np.random.Generator, decay_s: float, jitter: float = 0.0) -> F64:
    """An envelope of ``count`` strokes in a loop, each dying away."""
    starts = (np.arange(count) + jitter * rng.uniform(-0.5, 0.5, count)) * LOOP_S / count
    since = (_T[None, :] - starts[:, None]) % LOOP_S
    envelope: F64 = np.exp(-since / decay_s).sum(axis=0)
    return envelope


def _humming(place: float, rng: np.random.Generator) -> F64:
    base = _whole(_between(85, 150, place))
    partials = [np.sin(2 * np.pi * base * n * _T + rng.uniform(0, 6)) / n for n in range(1, 7)]
    return np.asarray(sum(partials) * (1 + 0.3 * np.sin(2 * np.pi * 1.5 * _T)))


def _beeping(place: float, rng: np.random.Generator) -> F64:
    pitch = _whole(_between(800, 1500, place))
    beats = round(_between(4, 8, place))
    gate = ((_T * beats / LOOP_S) % 1 < 0.5).astype(float)
    soft = np.fft.irfft(np.fft.rfft(gate) * (np.fft.rfftfreq(LOOP, 1 / SAMPLE_RATE) < 100), LOOP)
    return soft * np.sin(2 * np.pi * pitch * _T + rng.uniform(0, 6))


def _ticking(place: float, rng: np.random.Generator) -> F64:
    return _struck(round(_between(8, 14, place)), rng, 0.004) * _band(rng, 1000, 7000)


def _buzzing(place: float, rng: np.random.Generator) -> F64:
    base = _whole(_between(170, 290, place))
    partials = [
        np.sin(2 * np.pi * base * n * _T + rng.uniform(0, 6)) / n**0.5 for n in range(1, 24)
    ]
    return np.asarray(sum(partials) * (1 + 0.5 * np.sin(2 * np.pi * 30 * _T)))


def _ringing(place: float, rng: np.random.Generator) -> F64:
    base = _between(900, 1500, place)
    tone = sum(
        np.sin(2 * np.pi * _whole(base * ratio) * _T + rng.uniform(0, 6)) / (1 + n)
        for n, ratio in enumerate((1.0, 1.51, 2.42, 3.16))
    )
    return np.asarray(tone * _struck(4, rng, 0.25))


def _chirping(place: float, rng: np.random.Generator) -> F64:
    count = round(_between(5, 9, place))
    low, high = _between(2000, 2600, place), _between(3600, 4600, place)
    within = (_T * count / LOOP_S) % 1
    length = LOOP_S / count
    sweep = 2 * np.pi * length * (low * within + (high - low) * within**2 / 2)
    return np.asarray(np.sin(sweep) * np.sin(np.pi * np.clip(within * 2, 0, 1)) ** 2)


def _hissing(place: float, rng: np.random.Generator) -> F64:
    return _band(rng, _between(2800, 4000, place), 7600)


def _rattling(place: float, rng: np.random.Generator) -> F64:
    strokes = _struck(round(_between(18, 30, place)), rng, 0.02, jitter=0.6)
    return strokes * _band(rng, 300, 2500)


def _whistling(place: float, rng: np.random.Generator) -> F64:
    pitch = _whole(_between(1300, 1900, place))
    vibrato = 6 * np.sin(2 * np.pi * 5 * _T + rng.uniform(0, 6))
    return np.asarray(np.sin(2 * np.pi * pitch * _T + vibrato))


def _gurgling(place: float, rng: np.random.Generator) -> F64:
    wander = _band(rng, 0.5, 6)
    pitch = _between(300, 500, place) * (1 + 0.4 * wander / np.abs(wander).max())
    drift = np.cumsum(pitch) / SAMPLE_RATE
    whole = drift * round(drift[-1]) / drift[-1]
    return np.asarray(np.sin(2 * np.pi * whole) * (0.3 + _struck(9, rng, 0.08, jitter=0.8)))


def _crackling(place: float, rng: np.random.Generator) -> F64:
    return _struck(round(_between(30, 50, place)), rng, 0.003, jitter=1.0) * _band(rng, 1500, 7600)


_RECIPES: dict[str, Callable[[float, np.random.Generator], F64]] = {
    "humming": _humming,
    "beeping": _beeping,
    "ticking": _ticking,
    "buzzing": _buzzing,
    "ringing": _ringing,
    "chirping": _chirping,
    "hissing": _hissing,
    "rattling": _rattling,
    "whistling": _whistling,
    "gurgling": _gurgling,
    "crackling": _crackling,
}
