"""Reading an instruction, written or spoken: both give the four blanks of :mod:`.slots`.

The written one goes word by word through a recurrent network. In the spoken one words
are spotted as they come, among the sounds of things and noise, by convolutions over log-mel frames
whose answers at all times are summed up (keyword spotting as in Sainath and Parada 2015).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sensorium_models.policies.avworld.slots import ALL, BLANKS, SIZES, truth_of
from sensorium_models.training import Draw
from sensorium_sims.avworld import sounds
from sensorium_sims.avworld.hearing import NOISE_RMS
from sensorium_sims.avworld.sounds import CHUNK, SAMPLE_RATE
from sensorium_sims.avworld.speech import speak, with_noise
from sensorium_sims.avworld.vocabulary import COLOURS, SOUNDING_TYPES, SOUNDS, WORDS

F32 = NDArray[np.float32]
_NUMBERS = {word: number + 2 for number, word in enumerate(WORDS)}
UNKNOWN = 1
MELS, MEL_WINDOW, MEL_HOP = 40, 400, 160
BEFORE = 3 * CHUNK
"""Samples before a step's that its words may have begun in."""
LISTENS = 14
"""Steps after which what is said is no longer listened to."""
SNR_DB = (-3.0, 25.0)
NOTHING_SAID = 0.15
"""Share of examples in which nobody speaks."""


def numbers_of(missions: Iterable[str]) -> Tensor:
    """Instructions as (N, L) numbers, padded with 0; one without words is one unknown word."""
    rows = [
        [_NUMBERS.get(word, UNKNOWN) for word in re.findall(r"[a-z]+", text.lower())] or [UNKNOWN]
        for text in missions
    ]
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


class TextReader(nn.Module):
    """Numbers (N, L) of words -> logits (N, 29) of the blanks."""

    def __init__(self) -> None:
        super().__init__()
        self.word = nn.Embedding(len(WORDS) + 2, 32, padding_idx=0)
        self.read = nn.GRU(32, 64, batch_first=True)
        self.fill = nn.Linear(64, ALL)

    def forward(self, numbers: Tensor) -> Tensor:
        """See the class."""
        states, _ = self.read(self.word(numbers))
        last = states[torch.arange(len(numbers)), (numbers != 0).sum(1) - 1]
        filled: Tensor = self.fill(last)
        return filled


class SpeechReader(nn.Module):
    """Spots words: sound (N, S) and what was found before (N, 29) -> logits (N, 29).

    A network without padding sees 0.6 s at a time and moves on by a fifth of a step; the logits
    of all places so far are added up as chances. In the sound of one step and the :data:`BEFORE`
    samples before it are five places: hearing step by step is the same as hearing all at once.
    """

    mels: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mels", _mels(), persistent=False)
        self.register_buffer("window", torch.hann_window(MEL_WINDOW), persistent=False)
        self.hear = nn.Sequential(
            nn.Conv1d(MELS, 96, 5, 2, bias=False), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, 96, 5, 2, bias=False), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, 96, 5, bias=False), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, 128, 9, bias=False), nn.BatchNorm1d(128), nn.ReLU(),
            nn.Conv1d(128, ALL, 1),
        )  # fmt: skip

    def forward(self, sound: Tensor, found: Tensor | None = None) -> Tensor:
        """See the class."""
        spectrum = torch.stft(
            sound, MEL_WINDOW, MEL_HOP, window=self.window, center=False, return_complex=True
        )
        loud = torch.log(self.mels @ spectrum.abs().square() + 1e-3) / 3  # (N, 40, frames)
        summed: Tensor = self.hear(loud).logsumexp(-1)
        return summed if found is None else torch.logaddexp(summed, found)


def chances(logits: Tensor) -> Tensor:
    """(…, 29) chances: each blank by itself sums to 1."""
    return torch.cat(
        [part.softmax(-1) for part in torch.split(logits, list(SIZES.values()), -1)], -1
    )


class Batch(TypedDict):
    """Instructions, written and spoken."""

    numbers: Tensor
    sound: Tensor
    blanks: Tensor
    """(N, 4)"""
    spoken: Tensor
    """(N, 4): of what is said, or of silence."""


class Readers(nn.Module):
    """Both."""

    def __init__(self) -> None:
        super().__init__()
        self.text = TextReader()
        self.speech = SpeechReader()


class ReadersTask:
    """What there is to learn, see :class:`sensorium_models.training.Task`."""

    name = "avworld readers"
    score = "spoken_0_db"

    def build(self, seed: int) -> Readers:
        """New networks."""
        return Readers()

    def batch(self, draw: Draw) -> Batch:
        """Instructions that are made up, said in noise among sounding things."""
        return examples(draw.rng(), draw.size)

    def losses(self, network: Readers, batch: Batch) -> Mapping[str, Tensor]:
        """Of the written and the spoken."""
        written = _error(network.text(batch["numbers"]), batch["blanks"])
        spoken = _error(network.speech(batch["sound"]), batch["spoken"])
        return {"written": written, "spoken": spoken}

    def validate(self, network: Readers) -> Mapping[str, float]:
        """Shares of instructions that are understood whole."""
        found: dict[str, float] = {}
        for snr_db in (20.0, 10.0, 0.0):
            held = examples(np.random.default_rng([77, 1]), 200, snr_db=snr_db)
            spoken = network.speech(held["sound"])
            found[f"spoken_{snr_db:.0f}_db"] = _right(spoken, held["spoken"])
            found["written"] = _right(network.text(held["numbers"]), held["blanks"])
        return found


def examples(rng: np.random.Generator, count: int, snr_db: float | None = None) -> Batch:
    """Instructions of the world; the same for the same ``rng``."""
    missions, said, heard = [], [], []
    for _ in range(count):
        mission, spoken = _mission(rng), _look_up(rng)
        if snr_db is None and rng.random() < NOTHING_SAID:
            spoken = ""
        sound = _background(rng)
        loud = rng.uniform(*SNR_DB) if snr_db is None else snr_db
        if spoken:
            speech = with_noise(speak(spoken), loud, int(rng.integers(2**31)))[: len(sound)]
            sound[: len(speech)] += speech
        missions.append(mission)
        said.append(spoken)
        heard.append(np.concatenate([np.zeros(BEFORE, np.float32), np.clip(sound, -1, 1)]))
    return Batch(
        numbers=numbers_of(missions),
        sound=torch.from_numpy(np.stack(heard)),
        blanks=torch.tensor([list(truth_of(text).values()) for text in missions]),
        spoken=torch.tensor([list(truth_of(text).values()) for text in said]),
    )


def _mission(rng: np.random.Generator) -> str:
    """Of any task."""
    chance = rng.random()
    if chance < 0.25:
        colour, sound = str(rng.choice(list(COLOURS))), str(rng.choice(SOUNDS))
        return f"bring the {colour} key to the {sound} box"
    if chance < 0.3:
        return "go to the sound"
    found = _look_up(rng)
    return found if rng.random() < 0.7 else found.replace("find", "follow")


def _look_up(rng: np.random.Generator) -> str:
    """Of Refer, and of Spoken."""
    sound, colour = str(rng.choice(SOUNDS)), str(rng.choice(list(COLOURS)))
    return f"find the {sound} {colour} {rng.choice(SOUNDING_TYPES)}"


def _background(rng: np.random.Generator) -> F32:
    """(44800,): things that sound, near and far, and the noise that is always there."""
    length = LISTENS * CHUNK
    sound = rng.standard_normal(length).astype(np.float32) * np.float32(NOISE_RMS)
    for _ in range(int(rng.integers(5))):
        loop = sounds.loop(str(rng.choice(SOUNDS)), int(rng.integers(sounds.HEARD)))
        loud = np.exp(rng.uniform(np.log(0.03), np.log(0.7)))
        sound += np.float32(loud) * np.resize(np.roll(loop, int(rng.integers(len(loop)))), length)
    return sound


def _error(logits: Tensor, blanks: Tensor) -> Tensor:
    parts = torch.split(logits, list(SIZES.values()), -1)
    errors = [functional.cross_entropy(part, blanks[:, at]) for at, part in enumerate(parts)]
    return torch.stack(errors).sum()


def _right(logits: Tensor, blanks: Tensor) -> float:
    parts = torch.split(logits, list(SIZES.values()), -1)
    chosen = torch.stack([part.argmax(-1) for part in parts], -1)
    return float((chosen == blanks).all(-1).float().mean())


def _mels() -> Tensor:
    """(40, 201): triangles, evenly spaced by mel from 60 to 7600 Hz."""
    edges = np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 7600 / 700), MELS + 2)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    bins = np.arange(MEL_WINDOW // 2 + 1) * SAMPLE_RATE / MEL_WINDOW
    up = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    down = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
    return torch.tensor(np.maximum(0, np.minimum(up, down)), dtype=torch.float32)


assert tuple(BLANKS) == tuple(SIZES)
