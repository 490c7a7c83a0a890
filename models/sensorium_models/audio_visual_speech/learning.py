"""The recogniser as the trainer takes it: CTC of words, and the phone of every moment."""

# ruff: noqa: RUF001 - IPA is meant to look like Latin

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sensorium_models.audio_visual_speech.lips import SIDE
from sensorium_models.audio_visual_speech.network import (
    RATE,
    STRIDE,
    AudioVisualSpeech,
    Sizes,
    moments,
)
from sensorium_models.metrics.wer import word_error_rate
from sensorium_models.training import Draw, Passes, Plan
from sensorium_sims.world.noise import mixed, white
from sensorium_sims.world.pronunciation import COMMAND_WORDS, VISEMES, viseme_of
from sensorium_sims.world.sampling import Rng

if TYPE_CHECKING:
    from sensorium_models.audio_visual_speech.corpus import Clip

F32 = NDArray[np.float32]
PHONES: tuple[str, ...] = (
    "SIL", "a", "aɪ", "aʊ", "b", "d", "dʒ", "e", "eɪ", "f", "i", "iə", "j", "k", "l", "m", "n",
    "o", "oʊ", "p", "r", "s", "t", "tʃ", "u", "v", "w", "z", "æ", "ð", "ɐ", "ɑ", "ɒ", "ɔ", "ə",
    "əʊ", "ɛ", "ɡ", "ɪ", "ɹ", "ʌ", "θ",
)  # fmt: skip
"""Those of the commands, as eSpeak NG has them."""
LETTER_OF = {word: at + 1 for at, word in enumerate(dict.fromkeys(COMMAND_WORDS))}
WORDS: tuple[str, ...] = tuple(LETTER_OF)
"""The 51 words; in CTC's alphabet the blank comes before them."""
NO_LIPS, NO_SOUND = 0.2, 0.22
"""Of how many commands there are no lips, and of how many no sound, in training."""
GROUP = 5
"""Batches among which commands are shared out by length."""
DIM, DARK = 45.0, 130.0
"""The most noise of a camera in training, in grey levels: at first, and in the end."""
PAD_S = 0.35
"""The most silence that is put before and after a command."""


def plan(steps: int, seed: int = 0, minutes: float | None = None) -> Plan:
    """How the bundled recogniser was trained."""
    return Plan(
        steps=steps, minutes=minutes, batch=40, learning_rate=2e-3, last_rate=0.02,
        warm_up=min(150, steps // 5), weight_decay=0.02, betas=(0.9, 0.98), ema=0.996,
        precision="bfloat16", keep="last", evaluate_every=max(1, min(550, steps // 4)), seed=seed,
    )  # fmt: skip


class SpeechTask:
    """Learns from clips, each time with other noise, silence and light, and a modality missing."""

    name = "audio-visual speech"
    score = "right"

    def __init__(
        self, train: Sequence[Clip], crowd: Sequence[F32], validation: Mapping[str, Any],
        dark_from: int = 0, **sizes: int,
    ) -> None:  # fmt: skip
        self.train, self.crowd = train, crowd
        self.validation = validation
        self.dark_from = dark_from
        """The first batch with cameras in the dark: before, lips are learnt in better light."""
        self.sizes = sizes

    def build(self, seed: int) -> AudioVisualSpeech:
        """See :class:`~sensorium_models.training.Task`."""
        return AudioVisualSpeech(Sizes(len(WORDS), len(PHONES), **self.sizes))

    def batch(self, draw: Draw) -> dict[str, Tensor]:
        """Commands with noise; of some no sound, of some no lips."""
        rng = draw.rng()
        rows = []
        for number in draw.rows:
            one = self.train[int(number)]
            lips = one.takes[int(rng.integers(len(one.takes)))]
            rows.append(
                self._disturbed(one, lips, rng, DARK if draw.index >= self.dark_from else DIM)
            )
        return collate(rows)

    def _disturbed(
        self, one: Clip, lips: NDArray[np.uint8], rng: Rng, noise: float
    ) -> dict[str, Any]:
        before, after = (int(rng.uniform(0, PAD_S) * RATE) for _ in range(2))
        wave = np.pad(one.samples, (before * STRIDE, after * STRIDE))
        shift = int(rng.integers(-1, 2))  # cameras and microphones are some 10 ms apart
        shown = np.pad(lips, ((before + 1, after + 1), (0, 0), (0, 0)), mode="edge")
        filmed = _filmed_worse(shown[1 + shift : len(shown) - 1 + shift], rng, noise)
        wave = self._noisy(wave, rng) * np.float32(10 ** rng.uniform(-1.2, 0.2))
        which = rng.random()
        light = filmed + rng.normal(0, 0.02)
        seen = np.full(len(filmed), which >= NO_LIPS)
        if rng.random() < 0.2:  # a hand before the mouth, a glance aside
            start, long = rng.integers(len(filmed)), rng.integers(1, 12)
            seen[start : start + long] = False
        return {
            "wave": wave, "lips": light, "seen": seen,
            "heard": not NO_LIPS <= which < NO_LIPS + NO_SOUND,
            "words": [LETTER_OF[word] for word in one.text.split()],
            "phones": phone_track(one, before, moments(len(wave))),
        }  # fmt: skip

    def _noisy(self, wave: F32, rng: Rng) -> F32:
        if rng.random() < 0.15:
            return wave
        snr = float(rng.uniform(-10, 13))
        if rng.random() < 0.3:
            return mixed(wave, white(len(wave), rng), snr)
        noise = self._babble(len(wave), rng)
        if rng.random() < 0.5:  # another crowd each time
            noise = noise + np.float32(rng.uniform(0.2, 1)) * self._babble(len(wave), rng)
        return mixed(wave, noise, snr)

    def _babble(self, length: int, rng: Rng) -> F32:
        track = self.crowd[int(rng.integers(len(self.crowd)))]
        start = int(rng.integers(len(track) - length))
        return track[start : start + length]

    def losses(self, network: AudioVisualSpeech, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``words`` (CTC) and ``phones`` (cross-entropy of each moment)."""
        words, phones = network(
            batch["wave"], batch["length"], batch["heard"], batch["lips"], batch["seen"]
        )
        with torch.autocast(words.device.type, enabled=False):
            chances = words.log_softmax(-1).transpose(0, 1)  # (T, B, V + 1)
            ctc = functional.ctc_loss(
                chances,
                batch["words"],
                batch["moments"],
                batch["count"],
                zero_infinity=True,
            )
            frames = functional.cross_entropy(
                phones.flatten(0, 1), batch["phones"].flatten(), ignore_index=-1
            )
        return {"words": ctc, "phones": 0.5 * frames}

    def validate(self, network: AudioVisualSpeech) -> dict[str, float]:
        """1 - word error rate of each condition of the validation split, and their mean."""
        found = {}
        for name, (batch, said) in self.validation.items():
            heard = transcribe(network, batch)
            found[name] = 1 - word_error_rate(said, heard, draws=1).wer
        return {"right": float(np.mean(list(found.values()))), **found}


def phone_track(one: Clip, before: int, length: int) -> NDArray[np.int64]:
    """(length,) the phone in the middle of each moment; -1 for one that is not in PHONES."""
    track = np.zeros(length, np.int64)
    middles = (np.arange(length) - before + 0.5) / RATE
    for phone in one.phones:
        symbol = phone.symbol if phone.symbol in PHONES else phone.symbol[:1]
        number = PHONES.index(symbol) if symbol in PHONES else -1
        track[(middles >= phone.start) & (middles < phone.stop)] = number
    return track


def collate(rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Rows (``wave``, ``lips``, ``seen``, ``heard``; to learn, ``words``, ``phones``), padded."""
    longest = max(moments(len(row["wave"])) for row in rows)
    count = len(rows)
    wave = np.zeros((count, longest * STRIDE), np.float32)
    lips = np.zeros((count, longest, SIDE, SIDE), np.float32)
    seen = np.zeros((count, longest), bool)
    phones = np.full((count, longest), -1, np.int64)
    for at, row in enumerate(rows):
        wave[at, : len(row["wave"])] = row["wave"]
        shown = min(longest, len(row["lips"]))
        lips[at, :shown] = row["lips"][:shown]
        seen[at, :shown] = row["seen"][:shown]
        if "phones" in row:
            phones[at, : len(row["phones"])] = row["phones"]
    length = torch.tensor([len(row["wave"]) for row in rows])
    said = [row.get("words", ()) for row in rows]
    most = max(1, *map(len, said))
    return {
        "wave": torch.from_numpy(wave), "length": length,
        "moments": ((length + STRIDE - 1) // STRIDE).clamp_min(1),
        "heard": torch.tensor([bool(row["heard"]) for row in rows]),
        "lips": torch.from_numpy(lips), "seen": torch.from_numpy(seen),
        "words": torch.tensor([[*row, *[0] * (most - len(row))] for row in said]),
        "count": torch.tensor([len(row) for row in said]), "phones": torch.from_numpy(phones),
    }  # fmt: skip


def _filmed_worse(shown: NDArray[np.uint8], rng: Rng, most: float) -> F32:
    """Lips from 0 to 1 with noise, lost pictures and a step aside, other ones each time."""
    lost = rng.random(len(shown)) < rng.uniform(0, 0.35)
    last = np.maximum.accumulate(np.where(lost, 0, np.arange(len(shown))))
    moved = np.roll(shown[last], tuple(rng.integers(-1, 2, 2)), (1, 2))
    if rng.random() < 0.5:
        moved = moved[:, :, ::-1]
    noise = rng.standard_normal(moved.shape, dtype=np.float32)
    noisy = np.asarray(moved, np.float32) / 255 + np.float32(rng.uniform(0, most) / 255) * noise
    return np.asarray(noisy if most == DIM else noisy.clip(0, 1), np.float32)


class Alike:
    """Batches of commands that are about as long, so that little of them is padding.

    What :class:`~sensorium_models.training.Passes` gives for GROUP batches is shared out by length.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = np.asarray(lengths)
        self.passes = Passes(len(self.lengths))

    def take(self, seed: int, start: int, size: int) -> NDArray[np.int64]:
        """See :class:`~sensorium_models.training.Sampler`; ``start`` is a multiple of ``size``."""
        group, part = divmod(start // size, GROUP)
        rows = self.passes.take(seed, group * GROUP * size, GROUP * size)
        shared = rows[np.argsort(self.lengths[rows], kind="stable")].reshape(GROUP, size)
        turn = np.random.default_rng([seed, group, 53]).permutation(GROUP)
        return np.asarray(shared[turn[part]])


@torch.no_grad()
def transcribe(
    network: AudioVisualSpeech, batch: Mapping[str, Tensor], size: int = 50
) -> list[str]:
    """The words of each row of :func:`collate`: the best of each moment, repeats and blanks out."""
    texts: list[str] = []
    for start in range(0, len(batch["wave"]), size):
        part = {name: value[start : start + size] for name, value in batch.items()}
        longest = int(part["moments"].max())
        words, _ = network(
            part["wave"][:, : longest * STRIDE], part["length"], part["heard"],
            part["lips"][:, :longest], part["seen"][:, :longest],
        )  # fmt: skip
        for best, length in zip(words.argmax(-1), part["moments"], strict=True):
            texts.append(" ".join(spelt(best[: int(length)].tolist())))
    return texts


def spelt(best: Sequence[int]) -> list[str]:
    """CTC's best path as words."""
    kept = [now for last, now in zip([0, *best], best, strict=False) if now != last and now]
    return [WORDS[letter - 1] for letter in kept]


assert all(viseme_of(phone) in VISEMES for phone in PHONES)
