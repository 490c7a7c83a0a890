"""Voices of eSpeak NG for the world's commands: many speakers, and the exact times of their phones.

They are needed to train and to measure, and nothing of them is in what was trained. The library is
not thread-safe: one process speaks with one voice at a time.
"""

from __future__ import annotations

import ctypes
import re
from functools import cache
from typing import Any, Literal

import numpy as np

from sensorium.errors import MissingDependency, ModelError
from sensorium_models.speech.waveform import SAMPLE_RATE
from sensorium_sims.world.speech import SILENCE, Phone, Speaker, Speech

ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp")
Split = Literal["train", "validation", "test"]
_VARIANTS: dict[Split, tuple[str, ...]] = {
    "train": (
        "m1", "m3", "m5", "m7", "f1", "f3", "f5", "Andy", "Annie", "Lee", "Michael", "Alicia",
        "belinda", "benjamin", "david", "ed", "linda", "paul", "steph", "zac",
    ),
    "validation": ("m4", "f4", "Diogo", "pablo"),
    "test": ("m2", "m6", "f2", "Alex", "Mike", "Gene", "grandma", "robert"),
}  # fmt: skip
_RETRIEVE, _PHONEMES_IPA = 2, 0x0001 | 0x0002
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_END, _PHONEME = 0, 7
_SCOTTISH = str.maketrans({"ʉ": "u", "ʍ": "w"})
_LETTER_A = re.compile(r"\ba\b")


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """``espeak_EVENT`` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int), ("unique", ctypes.c_uint), ("place", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Id),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Espeak:
    """The library, begun once in a process."""

    def __init__(self) -> None:
        try:
            import espeakng_loader  # type: ignore[import-untyped]
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "voices to learn speech from",
                "espeakng-loader",
                'Run: pip install "sensorium[voices]"',
            ) from error
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate = library.espeak_Initialize(_RETRIEVE, 0, data, _PHONEMES_IPA)
        if self.rate <= 0:
            raise ModelError("espeak-ng", f"cannot begin with the data in {data.decode()}")
        self._library = library
        self._parts: list[Any] = []
        self._marks: list[tuple[int, str]] = []
        self._callback = _Callback(self._heard)  # kept: ctypes does not
        library.espeak_SetSynthCallback(self._callback)

    def _heard(self, wave: Any, count: int, events: Any) -> int:
        at = 0
        while events[at].type != _END:
            if events[at].type == _PHONEME:
                symbol = bytes(events[at].id.string).decode("utf-8", "ignore")
                self._marks.append((events[at].audio_position, symbol))
            at += 1
        if wave and count:
            self._parts.append(np.ctypeslib.as_array(wave, (count,)).copy())
        return 0

    def say(self, voice: str, text: str, speed: int, pitch: int) -> Speech:
        library = self._library
        if library.espeak_SetVoiceByName(voice.encode()):
            raise ModelError("espeak-ng", f"has no voice {voice!r}")
        for parameter, value in ((_RATE, speed), (_PITCH, pitch), (_RANGE, 50)):
            library.espeak_SetParameter(parameter, value, 0)
        self._parts, self._marks = [], []
        said = _LETTER_A.sub("ay", text).encode()  # alone it is read as the article
        library.espeak_Synth(said, len(said) + 1, 0, 1, 0, _UTF8, None, None)
        library.espeak_Synchronize()
        return _speech(np.concatenate(self._parts), self.rate, self._marks)


@cache
def _espeak() -> _Espeak:
    return _Espeak()


def _speech(samples: Any, rate: int, marks: list[tuple[int, str]]) -> Speech:
    from math import gcd

    from scipy.signal import resample_poly  # type: ignore[import-untyped]

    shared = gcd(rate, SAMPLE_RATE)
    wave = resample_poly(samples / 32768.0, SAMPLE_RATE // shared, rate // shared)
    wave = np.asarray(wave, np.float32)
    loudest = float(np.abs(wave).max(initial=1e-6))
    end = len(wave) / SAMPLE_RATE
    starts = [at / 1000 for at, _ in marks] + [end]
    phones = tuple(
        Phone(_plain(symbol), starts[k], starts[k + 1])
        for k, (_, symbol) in enumerate(marks)
        if starts[k + 1] > starts[k]
    )
    return Speech(np.asarray(0.5 * wave / loudest, np.float32), SAMPLE_RATE, phones)


def _plain(symbol: str) -> str:
    """Without stress and length; a pause for what is no sound."""
    bare = symbol.strip("ˈˌː̩ ").translate(_SCOTTISH)
    return bare if any(letter.isalpha() for letter in bare) else SILENCE


def espeak_voice(voice: str, *, speed: int = 165, pitch: int = 50) -> Speaker:
    """A speaker: ``en-us+m1``, ``speed`` in words a minute, ``pitch`` from 0 to 99.

    Raises MissingDependency without ``espeakng-loader``, ModelError for an unknown voice.
    """
    return lambda text: _espeak().say(voice, text, speed, pitch)


def voices_of(split: Split) -> tuple[str, ...]:
    """Names of the voices of a split; nobody is in two."""
    return tuple(f"{accent}+{variant}" for accent in ACCENTS for variant in _VARIANTS[split])
